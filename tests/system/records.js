// A hostile, or broken, web server: sends FastCGI records of its own making to a program that stays.
//
//   node records.js SOCKET ATTACK…
//
// TOKEN, TOKEN_OTHER and CUBBY_CONF come from the environment. Prints one line for each attack: its name,
// how the connection ended (the status of an answer, closed, open), and the status of an ordinary request that
// was sent meanwhile, `late` if that had to wait for more than LIMIT milliseconds (9000). An answer is `cut` if the
// connection was closed before its end. crowd=N opens so many connections and leaves them; deaf=N sends so many
// requests for a long answer and reads none of them until it has that of an ordinary request; turns=N sends requests of two users by turns on one connection; alone=NAME is
// an attack with the ordinary request only after it; patient=SECONDS is a body of so long that comes in pieces,
// and ordinary requests meanwhile, one after the other.
//
// What goes on without end does so until its connection is closed, or for LONG, which is far above LIMIT and all times that
// a program gives: the connection was `kept` then, and a process that it keeps answers the ordinary request late.
//
// Two of them are cut with good reason where the machine does not do its part, and say so at the end of their line, `slow`:
// one that reads at a rate, when it did not come to read; patient, when a read waited for a process although one was free.
'use strict';
const net = require('node:net');

const [socket, ...attacks] = process.argv.slice(2);
const limit = Number(process.env.LIMIT ?? 9000);
const LONG = 60000, FOREVER = 200000;
const BEGIN = 1, ABORT = 2, PARAMS = 4, STDIN = 5, GET_VALUES = 9;

function record(type, content, { id = 1, version = 1, padding = 0, length = content.length } = {}) {
    const head = Buffer.from([version, type, id >> 8, id & 255, length >> 8, length & 255, padding, 0]);
    return Buffer.concat([head, content, Buffer.alloc(padding)]);
}
function begin({ role = 1, keep = 0, ...rest } = {}) {
    return record(BEGIN, Buffer.from([role >> 8, role & 255, keep, 0, 0, 0, 0, 0]), rest);
}
function size(length) {
    return length < 128 ? Buffer.from([length]) : Buffer.from([(length >>> 24) | 128, (length >> 16) & 255, (length >> 8) & 255, length & 255]);
}
function pair(name, value) {
    return Buffer.concat([size(Buffer.byteLength(name)), size(Buffer.byteLength(value)), Buffer.from(name), Buffer.from(value)]);
}
// A stream in as many records as it takes, without the empty one at its end.
function stream(type, content, options) {
    const all = [];
    for (let at = 0; at < content.length; at += 65000) {
        all.push(record(type, content.subarray(at, at + 65000), options));
    }
    return Buffer.concat(all);
}
function variables(more = {}) {
    const all = { CUBBY_CONF: process.env.CUBBY_CONF, REQUEST_METHOD: 'GET', PATH_INFO: '/a', REMOTE_ADDR: '192.0.2.1',
        HTTP_AUTHORIZATION: process.env.TOKEN, ...more };
    return Buffer.concat(Object.entries(all).filter(([, value]) => value !== undefined).map(([name, value]) => pair(name, value)));
}
function head(more, options) {
    return Buffer.concat([begin(options), stream(PARAMS, variables(more), options), record(PARAMS, Buffer.alloc(0), options)]);
}
const end = record(STDIN, Buffer.alloc(0));
const update = (sent) => ({ REQUEST_METHOD: 'PUT', PATH_INFO: '/b', CONTENT_LENGTH: String(sent) });
const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

// What the other side sends is gathered, answers by the number of their request.
function connect() {
    const connection = net.connect(socket);
    connection.got = Buffer.alloc(0);
    connection.on('close', () => { connection.over = true; });
    connection.on('error', () => {});
    connection.on('data', (piece) => {
        connection.first ??= Date.now();
        connection.got = Buffer.concat([connection.got, piece]);
    });
    return connection;
}
// The text of the answers to request ID, and whether it is ended.
function answered(connection, id = 1) {
    let text = '', ended = false;
    for (let at = 0; at + 8 <= connection.got.length;) {
        const length = connection.got.readUInt16BE(at + 4);
        if (connection.got.readUInt16BE(at + 2) === id) {
            if (connection.got[at + 1] === 6) text += connection.got.subarray(at + 8, at + 8 + length).toString();
            if (connection.got[at + 1] === 3) ended = true;
        }
        at += 8 + length + connection.got[at + 6];
    }
    return { text, ended };
}
const status = (text) => /^Status: (\d+)/.exec(text)?.[1];
async function until(done, milliseconds) {
    for (const stop = Date.now() + milliseconds; !done() && Date.now() < stop;) await sleep(5);
    return done();
}
async function outcome(connection, milliseconds) {
    if (connection.kept) return 'kept';
    await until(() => connection.over || answered(connection).ended, milliseconds);
    const { text, ended } = answered(connection);
    const code = status(text);
    return code === undefined ? (connection.over ? 'closed' : 'open') : connection.over && !ended ? `${code} cut` : code;
}
let slowest = 0; // milliseconds that one of them has waited for its answer to begin
async function ordinary(patience = FOREVER, bound = limit) {
    const began = Date.now();
    const connection = connect();
    connection.write(Buffer.concat([head(), end]));
    const code = await outcome(connection, patience);
    connection.destroy();
    slowest = Math.max(slowest, (connection.first ?? Date.now()) - began);
    return Date.now() - began > bound ? `${code} late` : code;
}
async function send(...pieces) {
    const connection = connect();
    connection.write(Buffer.concat(pieces));
    return connection;
}

// Does that every so many milliseconds, until the connection is closed or, after LONG, kept.
async function again(connection, every, what) {
    const stop = Date.now() + LONG;
    for (; Date.now() < stop && !connection.over && !connection.destroyed; await sleep(every)) what();
    connection.kept = !connection.over && !connection.destroyed;
}

// The head of an update, and then the same record again and again.
async function flood(what, deaf = false) {
    const connection = await send(head(update(11)));
    const many = Buffer.concat(Array(4000).fill(what));
    if (deaf) connection.pause();
    await again(connection, 1, () => connection.writableNeedDrain || connection.write(many));
    connection.resume();
    return connection;
}

const big = (count) => Buffer.alloc(count, 120);
const names = {
    // ---- what is no request
    nothing: () => send(Buffer.alloc(0)),
    noise: () => send(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(20))),
    'version 2': () => send(begin({ version: 2 })),
    'role of an authorizer': () => send(head({}, { role: 2 }), end),
    'role of a filter': () => send(head({}, { role: 3 }), end),
    'role 9': () => send(head({}, { role: 9 }), end),
    'number 0': () => send(begin({ id: 0 })),
    'short begin': () => send(record(BEGIN, Buffer.from([0, 1]))),
    'params first': () => send(record(PARAMS, variables())),
    'abort first': () => send(record(ABORT, Buffer.alloc(0))),
    'abort in the head': () => send(begin(), record(ABORT, Buffer.alloc(0))),
    'abort in the body': () => send(head(update(900)), record(STDIN, Buffer.from('{"va')), record(ABORT, Buffer.alloc(0))),
    'input in the head': () => send(begin(), record(STDIN, Buffer.from('{}'))),
    'body of another request': () => send(head(update(11)), record(STDIN, Buffer.from('{"value":7}'), { id: 2 }), end),
    'second request among the first': () => send(head(update(11)), begin({ id: 2 }), record(STDIN, Buffer.from('{"value":1}')), end),
    'unknown management record': () => send(record(200, big(300), { id: 0 }), head(), end),
    'many questions': () => send(record(GET_VALUES, Buffer.concat(Array(4000).fill(pair('FCGI_MAX_CONNS', ''))), { id: 0 }), head(), end),
    'many questions in the body': () => send(head(update(11)),
        record(GET_VALUES, Buffer.concat(Array(4000).fill(pair('FCGI_MAX_CONNS', ''))), { id: 0 }), record(STDIN, Buffer.from('{"value":1}')), end),
    'unknown management record in the body': () => send(head(update(11)), record(200, big(300), { id: 0 }), record(STDIN, Buffer.from('{"value":1}')), end),
    'empty record of another request in the head': () => send(begin(), record(PARAMS, Buffer.alloc(0), { id: 2 }), stream(PARAMS, variables()),
        record(PARAMS, Buffer.alloc(0)), end),
    'empty record of another request in the body': () => send(head(update(11)), record(STDIN, Buffer.alloc(0), { id: 2 }),
        record(STDIN, Buffer.from('{"value":1}')), end),
    'empty management record in the body': () => send(head(update(11)), record(200, Buffer.alloc(0), { id: 0 }), record(STDIN, Buffer.from('{"value":1}')), end),
    'unknown record of its own in the body': () => send(head(update(11)), record(200, big(30)), record(STDIN, Buffer.from('{"value":1}')), end),
    'padding': () => send(head({}, { padding: 255 }), end),
    // ---- lengths
    'name of 2 GB': () => send(begin(), record(PARAMS, Buffer.from([255, 255, 255, 254, 255, 255, 255, 254, 65]))),
    'name longer than the record': () => send(begin(), record(PARAMS, Buffer.from([100, 100, 65])), record(PARAMS, Buffer.alloc(0))),
    'half a length': () => send(begin(), record(PARAMS, Buffer.from([255, 0])), record(PARAMS, Buffer.alloc(0))),
    'half a record': async () => {
        const connection = await send(begin(), record(PARAMS, variables()).subarray(0, 20));
        await sleep(50);
        connection.end();
        return connection;
    },
    'length of no number': () => send(head(update('many')), end),
    'negative length': () => send(head(update(-2)), end),
    'longer than announced': () => send(head(update(11)), record(STDIN, Buffer.concat([Buffer.from('{"value":1}'), big(60000)])), end),
    'shorter than announced': () => send(head(update(900)), record(STDIN, Buffer.from('{"value":1}')), end),
    'no length': () => send(head({ REQUEST_METHOD: 'PUT', PATH_INFO: '/b' }), record(STDIN, Buffer.from('{"value":1}')), end),
    'length unknown': () => send(head(update(-1)), record(STDIN, Buffer.from('{"val')), record(STDIN, Buffer.from('ue":1}')), end),
    'no length, no end of the body': () => send(head({ REQUEST_METHOD: 'PUT', CONTENT_TYPE: 'application/json' }), ...Array(400).fill(record(STDIN, big(65000)))),
    'header of 1 MB': () => send(head({ HTTP_X_LONG: 'x'.repeat(1 << 20) }), end),
    // ---- a NUL, which would end a value where it is a string
    'NUL in the path': () => send(head({ PATH_INFO: '/a\0b' }), end),
    'NUL at the end of the path': () => send(head({ PATH_INFO: '/a\0' }), end),
    'NUL in the path of a delete': () => send(head({ REQUEST_METHOD: 'DELETE', PATH_INFO: '/b\0\0c' }), end),
    'NUL in the path of an upsert': () => send(head({ ...update(11), PATH_INFO: '/b\0', QUERY_STRING: 'upsert=true' }),
        record(STDIN, Buffer.from('{"value":2}')), end),
    'NUL in the query': () => send(head({ PATH_INFO: '', QUERY_STRING: 'key=a\0b' }), end),
    'NUL in the method': () => send(head({ REQUEST_METHOD: 'GET\0' }), end),
    'NUL in the token': () => send(head({ HTTP_AUTHORIZATION: `${process.env.TOKEN}\0` }), end),
    'NUL in the length': () => send(head(update('11\0')), record(STDIN, Buffer.from('{"value":2}')), end),
    'NUL in a condition': () => send(head({ ...update(11), HTTP_IF_MATCH: '*\0' }), record(STDIN, Buffer.from('{"value":2}')), end),
    'NUL in a name': () => send(head({ 'REQUEST_METHOD\0': 'GET', REQUEST_METHOD: undefined }), end),
    'token of 1 MB': () => send(head({ HTTP_AUTHORIZATION: `Bearer ${'x'.repeat(1 << 20)}` }), end),
    'head of 10 MB': () => send(head({ HTTP_X_LONG: 'x'.repeat(10 << 20) }), end),
    // ---- what takes its time
    'silence': async () => send(),
    'half a head': async () => send(begin(), record(PARAMS, variables()).subarray(0, 20)),
    'byte by byte': async () => {
        const connection = connect();
        const all = Buffer.concat([head(), end]);
        for (let at = 0; at < all.length && !connection.over; at++) {
            connection.write(all.subarray(at, at + 1));
            await sleep(100);
        }
        return connection;
    },
    'a head without end': async () => {
        const connection = await send(begin());
        const more = record(PARAMS, pair('HTTP_X', 'y'.repeat(100)));
        await again(connection, 20, () => connection.write(more));
        return connection;
    },
    'a body without end': async () => {
        const connection = await send(head(update(200000)));
        await again(connection, 50, () => connection.write(record(STDIN, Buffer.from('x'))));
        return connection;
    },
    'records of others in the body': async () => {
        const connection = await send(head(update(11)));
        await again(connection, 20, () => connection.write(record(STDIN, Buffer.from('x'), { id: 2 })));
        return connection;
    },
    'records of others before the body': async () => {
        const connection = await send(head(update(11)));
        for (const stop = Date.now() + 3000; Date.now() < stop && !connection.over; await sleep(20)) connection.write(record(STDIN, Buffer.from('x'), { id: 2 }));
        connection.write(Buffer.concat([record(STDIN, Buffer.from('{"value":3}')), end]));
        return connection;
    },
    'records of others in the body, as fast as they go': () => flood(record(STDIN, Buffer.from('x'), { id: 2 })),
    'management records in the body, whose answers nobody reads': () => flood(record(200, Buffer.from('x'), { id: 0 }), true),
    'padding, byte by byte': async () => {
        const connection = await send(head(update(900)), record(STDIN, Buffer.from('{"va'), { padding: 255 }).subarray(0, 12));
        await again(connection, 100, () => connection.write(Buffer.alloc(1)));
        return connection;
    },
    // ---- a long answer, of which the other side takes what it wants
    'an answer that is not read for some seconds': async (meanwhile) => {
        const connection = deaf();
        // until somebody else has an answer, or for as long as an answer is waited for where that somebody is nobody
        let alone = true;
        meanwhile?.then(() => { alone = false; });
        await until(() => !alone, meanwhile === undefined ? 10000 : LONG);
        connection.resume();
        await until(() => connection.over || answered(connection).ended, FOREVER);
        return connection;
    },
    'an answer that is read at 100 KB a second': (meanwhile) => readAt(100000, meanwhile),
    'an answer that is read at 10 KB a second': (meanwhile) => readAt(10000, meanwhile),
    'noise, byte by byte': async () => {
        const connection = await send(begin({ version: 7 }));
        await again(connection, 200, () => connection.write('x'));
        return connection;
    },
};

// Asks for a long answer and reads nothing.
function deaf() {
    const connection = connect();
    connection.pause();
    connection.write(Buffer.concat([head({ PATH_INFO: '', QUERY_STRING: 'values=true' }), end]));
    return connection;
}

// The same, reading so many bytes a second, as many at once as one call takes from the socket (64 KB), until somebody else
// has an answer.
async function readAt(rate, meanwhile) {
    const connection = deaf();
    let alone = true;
    meanwhile.then(() => { alone = false; });
    const began = Date.now();
    const due = () => connection.got.length <= (rate * (Date.now() - began)) / 1000;
    connection.on('data', () => { if (alone && !due()) connection.pause(); });
    let looked = began;
    for (const stop = began + LONG; alone && Date.now() < stop && !connection.over && !answered(connection).ended; await sleep(20)) {
        connection.slow ||= Date.now() - looked > 300;
        looked = Date.now();
        if (due()) connection.resume();
    }
    alone = false;
    connection.resume();
    return connection;
}

// Many who do not read, before an ordinary request.
async function manyDeaf(count) {
    const all = Array.from({ length: count }, deaf);
    await sleep(300);
    const said = await ordinary();
    all.forEach((connection) => connection.resume());
    const ends = await Promise.all(all.map((connection) => outcome(connection, FOREVER)));
    return `${ends.join(' ')}, ${said}`;
}

// Connections that are opened and left, before an ordinary request.
async function crowd(count) {
    const all = [];
    for (let number = 0; number < count; number++) {
        all.push(connect());
    }
    await sleep(300);
    const said = await ordinary(Number(process.env.WAIT ?? FOREVER));
    all.forEach((connection) => connection.destroy());
    return `${said}, ${await ordinary(FOREVER, FOREVER)}`;
}

// Two users by turns on one connection that stays open: each gets what is theirs.
async function byTurns(count) {
    const connection = connect();
    let bad = 0;
    for (let number = 1; number <= count; number++) {
        const own = number % 2 === 1;
        const options = { id: number, keep: 1 };
        connection.write(Buffer.concat([head({ HTTP_AUTHORIZATION: own ? process.env.TOKEN : process.env.TOKEN_OTHER }, options),
            record(STDIN, Buffer.alloc(0), options)]));
        await until(() => connection.over || answered(connection, number).ended, LONG);
        const { text } = answered(connection, number);
        bad += status(text) === '200' && text.includes(own ? '"of ann"' : '"of bob"') && !text.includes(own ? 'bob' : 'ann') ? 0 : 1;
        connection.got = Buffer.alloc(0);
    }
    connection.destroy();
    return `${bad} of ${count} wrong`;
}

// An update whose body comes in pieces of 1 KB, 20 a second, beside reads, of which each piece waits for one. A process that
// is free takes a read within TAKEN_MS.
async function patient(seconds) {
    const TAKEN_MS = 10;
    const body = Buffer.from(`{"value":"${'x'.repeat(1024 * 20 * seconds - 12)}"}`);
    const connection = await send(head(update(body.length)));
    const reads = { 200: 0 };
    let done = false;
    slowest = 0;
    const reading = (async () => {
        while (!done) {
            const code = await ordinary(FOREVER, FOREVER);
            reads[code] = (reads[code] ?? 0) + 1;
        }
    })();
    for (let at = 0; at < body.length && !connection.over; at += 1024) {
        connection.write(record(STDIN, body.subarray(at, at + 1024)));
        await sleep(50);
        await until(() => connection.over || reads[200] > at / 1024, LONG);
    }
    connection.write(end);
    const said = await outcome(connection, LONG);
    done = true;
    await reading;
    connection.destroy();
    return `${said}, reads ${Object.keys(reads)}${slowest > TAKEN_MS ? ', slow' : ''}`;
}

(async () => {
    for (const name of attacks.length > 0 ? attacks : Object.keys(names)) {
        const [word, count] = name.split('=');
        if (word === 'crowd' || word === 'turns') {
            console.log(`${name}: ${await (word === 'crowd' ? crowd : byTurns)(Number(count))}`);
            continue;
        }
        if (word === 'deaf') {
            console.log(`${name}: ${await manyDeaf(Number(count))}`);
            continue;
        }
        if (word === 'patient') {
            console.log(`${name}: ${await patient(Number(count))}`);
            continue;
        }
        if (word === 'alone') {
            const connection = await names[count]();
            console.log(`${name}: ${await outcome(connection, LONG)}, ${await ordinary()}`);
            connection.destroy();
            continue;
        }
        let heard;
        const doing = names[name](new Promise((resolve) => { heard = resolve; }));
        await sleep(100);
        const meanwhile = await ordinary();
        heard();
        const connection = await doing;
        console.log(`${name}: ${await outcome(connection, LONG)}, ${meanwhile}${connection.slow ? ', slow' : ''}`);
        connection.destroy();
    }
})();
