// postgresql_proxy.js - stands between programs and a PostgreSQL server, at unix sockets.
//
//   node postgresql_proxy.js LISTEN UPSTREAM CONTROL
//
// It knows just so much of the protocol as to count the answers: each one ends with ReadyForQuery. Asked at
// the socket CONTROL (HTTP):
//   /allow?answers=N   from now on only so many answers go through; all others are held back
//   /drop?text=WORD    the next message of a client that has WORD in it reaches the server, and when the server
//                      has answered, the connection breaks instead
//   /fatal             what the server says of an error becomes the end of the connection: FATAL in the place of
//                      ERROR, once
//   /leave             in one piece with the next word of a commit comes that the server ends the connection
//   /free              everything goes through again
//   /pending           tells how many answers are awaited from the server
//   /bytes             tells how many bytes came from the server since this was asked last
// Each of the others tells how many answers came from the server, and how many connections were made to it, since the last.
const net = require('net');
const http = require('http');
const [listen, upstream, control] = process.argv.slice(2);
const CANCEL = 80877102; // a request that comes alone, over a connection of its own
let allowed = Infinity;
let answers = 0;
let bytesSent = 0;
let connections = 0;
let drop = null;
let fatal = false;
let leave = false;
let pending = 0; // each Sync or Query, and the start of a connection, has one answer
// ErrorResponse (55.7 of the manual, "Message Formats"): severity, the same in English, SQLSTATE, text.
const fields = Buffer.from('SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0');
const LEAVES = Buffer.concat([Buffer.from([0x45, 0, 0, 0, fields.length + 4]), fields]);
const held = new Set();

// Calls `each` with the type and the bytes of every whole message; `first` has none of them a type yet.
function messages(first, each) {
    let rest = Buffer.alloc(0);
    let untyped = first;
    return (chunk) => {
        rest = Buffer.concat([rest, chunk]);
        for (;;) {
            const head = untyped ? 0 : 1;
            if (rest.length < head + 4) return;
            const size = head + rest.readInt32BE(head);
            if (rest.length < size) return;
            each(untyped ? '' : String.fromCharCode(rest[0]), rest.subarray(0, size));
            untyped = false;
            rest = rest.subarray(size);
        }
    };
}

net.createServer((client) => {
    const server = net.connect(upstream);
    let awaited = 0;
    const awaitMore = (count) => { awaited += count; pending += count; };
    const end = () => { awaitMore(-awaited); client.destroy(); server.destroy(); held.delete(flush); };
    const waiting = [];
    let dropping = false;
    const flush = () => { while (waiting.length > 0 && !client.destroyed) client.write(waiting.shift()); };
    client.on('error', end).on('close', end);
    server.on('error', end).on('close', end);
    client.on('data', messages(true, (type, bytes) => {
        if (type === '' && bytes.readInt32BE(4) !== CANCEL) connections++;
        if (['', 'S', 'Q'].includes(type)) awaitMore(1);
        if (drop !== null && bytes.includes(drop)) {
            drop = null;
            dropping = true;
        }
        server.write(bytes);
    }));
    server.on('data', (chunk) => { bytesSent += chunk.length; });
    server.on('data', messages(false, (type, bytes) => {
        if (type === 'Z') {
            answers++;
            awaitMore(-1);
        }
        if (fatal && type === 'E') {
            fatal = false;
            client.write(Buffer.from(bytes.toString('latin1').replace('SERROR', 'SFATAL').replace('VERROR', 'VFATAL'), 'latin1'));
            client.end();
            return end();
        }
        if (leave && type === 'C' && bytes.includes('COMMIT\0')) {
            leave = false;
            server.destroy();
            return client.end(Buffer.concat([bytes, LEAVES]));
        }
        if (dropping && type === 'Z') return end();
        if (dropping) return;
        const pass = type === 'Z' ? answers <= allowed : answers < allowed;
        if (pass && waiting.length === 0) client.write(bytes);
        else { waiting.push(bytes); held.add(flush); }
    }));
}).listen(listen);

http.createServer((request, response) => {
    const url = new URL(request.url, 'http://control');
    if (url.pathname === '/pending') {
        response.end(`${pending}\n`);
        return;
    }
    if (url.pathname === '/bytes') {
        response.end(`${bytesSent}\n`);
        bytesSent = 0;
        return;
    }
    const said = `${answers} ${connections}\n`;
    if (url.pathname === '/allow') allowed = Number(url.searchParams.get('answers'));
    if (url.pathname === '/fatal') fatal = true;
    if (url.pathname === '/leave') leave = true;
    if (url.pathname === '/drop') drop = url.searchParams.get('text');
    if (url.pathname === '/free') {
        allowed = Infinity;
        drop = null;
        for (const flush of held) flush();
    }
    answers = connections = 0;
    response.end(said);
}).listen(control);
