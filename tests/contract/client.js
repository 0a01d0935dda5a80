// client.js - holds a running service against the HTTP contract, knowing nothing but the contract.
//
//   BASE=http://127.0.0.1:PORT/api node --test-reporter=tap tests/contract/client.js
//
// The runner is Node's own. Sockets are used directly, since what is tested is what an HTTP client
// library would not send, or hides: cut bodies, single segments, raw heads. Two tools that test by
// an OpenAPI description were tried with www/openapi.json. Prism 5.14.2, as a proxy, adds header
// fields of its own, answers wrong requests itself and prints bodies anew (12345678901234567890 loses
// digits): 51 of the 52 tests fail through it. Dredd 14.1.0 sends one request for each answer that is
// described, without state between them.
//
// BASE ends in /cgi-bin under busybox httpd, in /api elsewhere; what depends on the server is decided
// by that alone. Whatever a test is about, every answer it meets is held against the conventions too
// (see conventions()).
'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const net = require('node:net');
const { test: nodeTest } = require('node:test');

const base = new URL(process.env.BASE || 'http://127.0.0.1:5000/api');
const prefix = base.pathname.replace(/\/+$/, '');
const busybox = prefix === '/cgi-bin';
const run = crypto.randomBytes(5).toString('hex');
const TIMEOUT = 120000; // milliseconds without a byte, longer than a server that is busy is silent

// --- Tests ---

let faults = [];

// A test goes on after a fault, so that one run tells all of them; it fails in the end if there was one.
const test = (title, body) =>
    nodeTest(title, async () => {
        faults = [];
        await body();
        assert.deepEqual(faults, []);
    });

const fault = (what) => {
    if (faults.length < 12) faults.push(String(what).slice(0, 300));
};

const show = (value) => (typeof value === 'string' ? value : JSON.stringify(value));

const ok = (condition, what) => {
    if (!condition) fault(what);
    return Boolean(condition);
};

const same = (found, wanted, what) => ok(found === wanted, `${what}: ${show(found)} instead of ${show(wanted)}`);

// --- One request, one connection ---

function parse(raw, method) {
    const end = raw.indexOf('\r\n\r\n');
    if (end < 0) throw new Error(`no answer to ${method}: ${show(raw.toString('latin1').slice(0, 80))}`);
    const [first, ...lines] = raw.toString('latin1', 0, end).split('\r\n');
    const status = Number((/^HTTP\/1\.[01] (\d{3})( |$)/.exec(first) || [])[1]);
    // Interim answers (100 Continue) come before the one that counts.
    if (status >= 100 && status < 200) return parse(raw.subarray(end + 4), method);
    const headers = new Map();
    for (const line of lines) {
        const colon = line.indexOf(':');
        const name = line.slice(0, colon).toLowerCase();
        const value = line.slice(colon + 1).trim();
        headers.set(name, headers.has(name) ? `${headers.get(name)}, ${value}` : value);
    }
    const body = raw.subarray(end + 4);
    const answer = { method, status, headers, body, text: body.toString('utf8'), json: undefined };
    try {
        answer.json = JSON.parse(answer.text);
    } catch {
        // conventions() says so
    }
    return answer;
}

function complete(raw) {
    const end = raw.indexOf('\r\n\r\n');
    const length = end < 0 ? null : /\r\ncontent-length: *(\d+)/i.exec(raw.toString('latin1', 0, end));
    return length !== null && raw.length >= end + 4 + Number(length[1]);
}

// Sends the parts one after another (a number is a pause in ms) and reads to the end of the connection.
// `gate` is waited for between connecting and sending; `half` closes the sending side after the parts; `early`
// leaves as soon as an answer is complete, while the server may still wait for the rest of the body.
function exchange(parts, { gate, half = false, early = false, timeout = TIMEOUT } = {}) {
    return new Promise((resolve, reject) => {
        const socket = net.connect({ host: base.hostname, port: Number(base.port), noDelay: true, allowHalfOpen: true });
        const chunks = [];
        let over = false;
        let pause;
        const done = (why) => {
            if (over) return;
            over = true;
            clearTimeout(pause);
            socket.destroy();
            if (chunks.length) resolve(Buffer.concat(chunks));
            else reject(new Error(why));
        };
        socket.setTimeout(timeout, () => done('no answer in time'));
        socket.on('data', (chunk) => {
            chunks.push(chunk);
            if (early && complete(Buffer.concat(chunks))) done();
        });
        socket.on('end', () => done('closed without an answer'));
        // A server may answer and close while the body still flows; what it said counts.
        socket.on('error', (error) => setTimeout(() => done(error.message), 50));
        socket.on('connect', async () => {
            if (gate) await gate();
            for (const part of parts) {
                if (over) return;
                if (typeof part === 'number') await new Promise((go) => (pause = setTimeout(go, part)));
                else await new Promise((go) => socket.write(part, go));
            }
            if (half && !over) socket.end();
        });
    });
}

const bytes = (body) => (Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)));

// A request's head; `length` is what it announces (undefined: no length).
function head(method, path, { auth, length, headers = {} } = {}) {
    const lines = [`${method} ${prefix}${path} HTTP/1.1`, `Host: ${base.host}`, 'Connection: close'];
    if (auth !== undefined) lines.push(`Authorization: ${auth}`);
    const named = Object.keys(headers).map((name) => name.toLowerCase());
    if (length !== undefined) {
        lines.push(`Content-Length: ${length}`);
        if (!named.includes('content-type')) lines.push('Content-Type: application/json');
    }
    for (const [name, value] of Object.entries(headers)) if (value !== null) lines.push(`${name}: ${value}`);
    return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

async function answerTo(method, parts, options) {
    const answer = parse(await exchange(parts, options), method);
    conventions(answer, options);
    return answer;
}

// One whole request. Head and body leave in one piece: busybox httpd sees no more of the body of
// PUT and DELETE.
function send(method, path, options = {}) {
    const body = options.body === undefined ? undefined : bytes(options.body);
    const length = body ? body.length : ['POST', 'PUT', 'PATCH'].includes(method) ? 0 : undefined;
    const request = head(method, path, { ...options, length });
    return answerTo(method, [body ? Buffer.concat([request, body]) : request], options);
}

// A method with a body of any size, as a client that must reach every server sends it.
const override = (method, path, options = {}) =>
    send('POST', path, { ...options, headers: { ...options.headers, 'X-HTTP-Method-Override': method } });

// --- What holds for every answer ---

// `own`: the web server may have answered by itself; see the test about such answers.
function conventions(answer, { own = false } = {}) {
    const { method, status, headers, body, json } = answer;
    const here = `answer ${status} to ${method}`;
    const get = (name) => headers.get(name);
    ok(status >= 200 && status < 600, `${here}: no status`);
    ok(!headers.has('transfer-encoding'), `${here}: Transfer-Encoding ${get('transfer-encoding')}, so no exact length`);
    if (!own) same(get('x-content-type-options'), 'nosniff', `${here}: X-Content-Type-Options`);
    const tagged = headers.has('etag') && (method === 'GET' || method === 'HEAD');
    if (!own) same((get('cache-control') || '').replace(/\s+/g, ''), tagged ? 'private,no-cache' : 'no-store', `${here}: Cache-Control`);
    for (const name of headers.keys()) ok(!name.startsWith('access-control-'), `${here}: ${name} though no origin is configured`);
    if (status === 401) {
        // RFC 6750, section 3: the scheme, then one or more parameters.
        ok(/^Bearer +[\w-]+ *= *("[^"]*"|[^\s,"]+)( *, *[\w-]+ *= *("[^"]*"|[^\s,"]+))*$/i.test(get('www-authenticate') || ''),
            `${here}: WWW-Authenticate ${get('www-authenticate')}`);
    }
    if (status === 405) ok(headers.has('allow'), `${here}: no Allow`);
    if (status === 429 || status === 503) ok(headers.has('retry-after'), `${here}: no Retry-After`);
    if (status === 204) {
        same(body.length, 0, `${here}: bytes of body`);
        ok(!headers.has('content-length') || get('content-length') === '0', `${here}: Content-Length ${get('content-length')}`);
        return;
    }
    same(get('content-type'), 'application/json', `${here}: Content-Type`);
    ok(/^\d+$/.test(get('content-length') || ''), `${here}: Content-Length ${get('content-length')}`);
    if (method === 'HEAD') {
        same(body.length, 0, `${here}: bytes of body`);
        return;
    }
    same(Number(get('content-length')), body.length, `${here}: Content-Length`);
    if (!ok(json !== null && typeof json === 'object' && !Array.isArray(json), `${here}: no JSON object: ${answer.text.slice(0, 100)}`)) return;
    ok(Buffer.from(answer.text, 'utf8').equals(body), `${here}: body is no UTF-8`);
    const known = status < 400 ? ['status', 'message', 'data', 'token'] : ['status', 'code', 'message', 'details', 'data'];
    for (const name of Object.keys(json)) ok(known.includes(name), `${here}: member ${name} at the top`);
    same(json.status, status < 400 ? 'success' : 'error', `${here}: member status`);
    if (status < 400) {
        if ('message' in json) ok(typeof json.message === 'string', `${here}: message is no text`);
        return;
    }
    ok(typeof json.code === 'string' && /^[A-Z][A-Z0-9_]*$/.test(json.code), `${here}: code ${json.code}`);
    ok(typeof json.message === 'string' && json.message !== '', `${here}: message ${json.message}`);
    if ('details' in json) {
        ok(json.details && typeof json.details === 'object' && !Array.isArray(json.details), `${here}: details ${show(json.details)}`);
        for (const [field, reason] of Object.entries(json.details || {})) ok(typeof reason === 'string' && reason !== '', `${here}: details.${field} ${show(reason)}`);
    }
    ok(!/\/(var|tmp|usr|home|etc|srv)\/|\bSELECT\b|\bINSERT INTO\b|sqlite|\.c:\d/i.test(answer.text), `${here}: leaks ${answer.text.slice(0, 160)}`);
}

// --- What the contract says letter for letter ---

const SAYS = {
    registered: 'User successfully registered!',
    token: 'Access token generated successfully.',
    stored: 'Data stored successfully.',
    updated: 'Data updated successfully.',
    deleted: 'Data deleted successfully.',
};

const ERRORS = {
    INVALID_AGE: 'Invalid age value. Age must be a positive integer.',
    GENDER_REQUIRED: 'Gender field is required. Please specify the gender (e.g., male, female, non-binary).',
    INVALID_PASSWORD:
        'The provided password does not meet the requirements. Password must be at least 8 characters long and contain a mix of uppercase and lowercase letters, numbers, and special characters.',
    USERNAME_EXISTS: 'The provided username is already taken. Please choose a different username.',
    EMAIL_EXISTS: 'The provided email is already registered. Please use a different email address.',
    MISSING_FIELDS: 'Missing fields. Please provide both username and password.',
    INVALID_CREDENTIALS: 'Invalid credentials. The provided username or password is incorrect.',
    INVALID_TOKEN: 'Invalid access token provided.',
    INVALID_KEY: 'The provided key is not valid or missing.',
    INVALID_VALUE: 'The provided value is not valid or missing.',
    KEY_EXISTS: 'The provided key already exists in the database. To update an existing key, use the update API.',
    KEY_NOT_FOUND: 'The provided key does not exist in the database.',
};
const FIELDS_MISSING = 'Invalid request. Please provide all required fields: username, email, password, full_name.';

// The answer is this error, with its message where the contract gives one.
function refused(answer, status, code, what, message = ERRORS[code]) {
    const found = answer.json || {};
    const brief = `${what}: ${answer.status} ${found.code || answer.text.slice(0, 60)}`;
    if (!ok(answer.status === status && found.code === code, `${brief} instead of ${status} ${code}`)) return false;
    return message === undefined || same(found.message, message, `${what}: message`);
}

function accepted(answer, status, what, message) {
    const found = answer.json || {};
    const brief = `${what}: ${answer.status} ${found.code || ''} ${show(found.details || '')}`;
    if (!ok(answer.status === status, `${brief} instead of ${status}`)) return false;
    return message === undefined || same(found.message, message, `${what}: message`);
}

// --- JSON texts, unparsed: numbers must not pass through this language's ---

function skipSpace(text, at) {
    while (' \t\r\n'.includes(text[at]) && at < text.length) at++;
    return at;
}

function skipValue(text, start) {
    let depth = 0;
    let at = start;
    do {
        at = skipSpace(text, at);
        const c = text[at];
        if (c === '"') {
            for (at++; text[at] !== '"'; at++) if (text[at] === '\\') at++;
            at++;
        } else if (c === '{' || c === '[') {
            depth++;
            at++;
        } else if (c === '}' || c === ']') {
            depth--;
            at++;
        } else if (c === ',' || c === ':') {
            at++;
        } else {
            while (at < text.length && !',:]} \t\r\n'.includes(text[at])) at++;
        }
    } while (depth > 0 && at < text.length);
    return at;
}

// The text of a member of an object, without blanks outside strings.
function member(text, name) {
    let at = skipSpace(text, 0) + 1;
    for (;;) {
        at = skipSpace(text, at);
        if (text[at] === ',') at = skipSpace(text, at + 1);
        if (text[at] !== '"') return undefined;
        const nameEnd = skipValue(text, at);
        const found = JSON.parse(text.slice(at, nameEnd));
        const start = skipSpace(text, skipSpace(text, nameEnd) + 1);
        at = skipValue(text, start);
        if (found === name) return text.slice(start, at).replace(/("(?:[^"\\]|\\.)*")|[ \t\r\n]+/g, '$1');
    }
}

const valueText = (answer) => member(member(answer.text, 'data') || '{}', 'value');

// --- Users and items ---

const PASSWORD = 'Correct-Horse7';
let serial = 0;

const person = (changes = {}) => {
    const name = `c${run}n${++serial}`;
    return { username: name, email: `${name}@example.org`, full_name: 'Ada Byron', age: 36, gender: 'female', password: PASSWORD, ...changes };
};
const without = (object, ...names) => Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));

const register = (body, options = {}) => send('POST', '/register', { body, ...options });
const login = (body, options = {}) => send('POST', '/token', { body, ...options });

const byPath = (key) => `/data/${key.split('/').map(encodeURIComponent).join('/')}`;
const byQuery = (key) => `/data?key=${encodeURIComponent(key)}`;

const create = (key, value, auth) => send('POST', '/data', { auth, body: { key, value } });
const read = (key, auth) => send('GET', byPath(key), { auth });

const users = {};
const newKey = (what = 'k') => `${what}-${run}-${++serial}`;

async function signUp(name) {
    const user = person();
    const answer = await register(user);
    accepted(answer, 201, `registering ${name}`);
    const asked = Date.now() / 1000;
    const entry = await login(user);
    accepted(entry, 200, `token of ${name}`);
    users[name] = { ...user, id: answer.json.data.user_id, jwt: entry.json.token, auth: `Bearer ${entry.json.token}`, registered: answer, entered: entry, asked };
}

const BAD_STRINGS = [['missing', undefined], ['null', null], ['a number', 7], ['true', true], ['an array', ['x']], ['an object', { x: 1 }]];

// --- Registration ---

test('register answers 201 with the user, and only the user, in data', async () => {
    await signUp('ada');
    const { ada } = users;
    same(ada.registered.json.message, SAYS.registered, 'message');
    const { data } = ada.registered.json;
    same(Object.keys(data).sort().join(), 'age,email,full_name,gender,user_id,username', 'members of data');
    for (const name of ['username', 'email', 'full_name', 'age', 'gender']) same(data[name], ada[name], `data.${name}`);
    ok(Number.isSafeInteger(data.user_id) && data.user_id > 0, `data.user_id ${show(data.user_id)}`);
    ok(!ada.registered.text.includes(PASSWORD), 'the password comes back');
    ok(!('code' in ada.registered.json), 'a code in success');
});

test('register accepts every upper limit, in characters or in bytes as stated', async () => {
    const label = 'x'.repeat(63);
    const host = `${label}.${label}.${'y'.repeat(56)}.org`;
    const local = `${run}${serial}`.padEnd(254 - 1 - host.length, 'l');
    const user = person({
        username: `${run}${'\u{20BB7}'.repeat(54)}`,
        email: `${local}@${host}`,
        full_name: '\u{1F98A}'.repeat(120),
        gender: '\u042F'.repeat(32),
        age: 150,
        password: `Aa1!${'\u00e9'.repeat(254)}`,
    });
    same([...user.username].length, 64, 'characters of the username sent');
    same(Buffer.byteLength(user.email), 254, 'bytes of the e-mail sent');
    same(Buffer.byteLength(user.password), 512, 'bytes of the password sent');
    const answer = await register(user);
    if (!accepted(answer, 201, 'upper limits')) return;
    for (const name of ['username', 'email', 'full_name', 'age', 'gender']) same(answer.json.data[name], user[name], `data.${name}`);
    accepted(await login(user), 200, 'token with a password of 512 bytes');
    refused(await login({ ...user, password: user.password.slice(0, -1) + '\u00e8' }), 401, 'INVALID_CREDENTIALS', 'a password that differs in its last byte');
});

test('register accepts every lower limit', async () => {
    const user = person({
        username: String.fromCodePoint(0x20000 + crypto.randomInt(0xa000)),
        full_name: 'A',
        gender: '\u044F',
        age: 1,
        password: 'Aa1!\u00e9\u00e9',
    });
    same(Buffer.byteLength(user.password), 8, 'bytes of the password sent');
    accepted(await register(user), 201, 'lower limits');
});

test('register ignores unknown fields and keeps a blank inside a username', async () => {
    const user = person({ username: `c${run} n${++serial}`, user_id: 1, id: 1, admin: true, epoch: 99, created_at: null, extra: { a: [1, { b: 2 }] } });
    const answer = await register(user);
    if (!accepted(answer, 201, 'unknown fields')) return;
    same(answer.json.data.username, user.username, 'data.username');
    ok(answer.json.data.user_id !== 1 || users.ada.id > 1, 'user_id was taken from the body');
});

async function registerRefuses(field, code, cases, message = ERRORS[code]) {
    for (const [what, value] of cases) {
        const answer = await register(person({ [field]: value }));
        const here = `${field} ${what}`;
        if (!refused(answer, 400, code, here, message)) continue;
        const reason = (answer.json.details || {})[field];
        ok(typeof reason === 'string' && reason !== '', `${here}: details ${show(answer.json.details)} do not name the field and the reason`);
    }
}

test('register refuses a bad username: INVALID_REQUEST', () =>
    registerRefuses('username', 'INVALID_REQUEST', [
        ...BAD_STRINGS,
        ['empty', ''],
        ['of 65 characters', 'u'.repeat(65)],
        ['of 65 characters of two bytes', '\u00fc'.repeat(65)],
        ['with @', `c${run}@x`],
        ['with U+0001', `c${run}\u0001x`],
        ['with a line feed', `c${run}\nx`],
        ['with a tab at the end', `c${run}\t`],
        ['with U+007F', `c${run}\u007fx`],
        ['with a space in front', ` c${run}`],
        ['with a space behind', `c${run} `],
        ['of one space', ' '],
    ], FIELDS_MISSING));

test('register refuses a bad e-mail: INVALID_REQUEST', () =>
    registerRefuses('email', 'INVALID_REQUEST', [
        ...BAD_STRINGS,
        ['empty', ''],
        ['without @', `c${run}.example.org`],
        ['with two @', `c${run}@x@example.org`],
        ['with nothing before @', '@example.org'],
        ['with nothing behind @', `c${run}@`],
        ['with a host without a dot', `c${run}@example`],
        ['of 255 bytes', `${'l'.repeat(64)}@${'x'.repeat(63)}.${'x'.repeat(63)}.${'y'.repeat(58)}.org`],
        ['of 192 characters in 256 bytes', `${'\u00e9'.repeat(64)}@${'x'.repeat(63)}.${'y'.repeat(59)}.org`],
    ], FIELDS_MISSING));

test('register refuses a bad full_name: INVALID_REQUEST', () =>
    registerRefuses('full_name', 'INVALID_REQUEST', [
        ...BAD_STRINGS,
        ['empty', ''],
        ['of 121 characters', 'n'.repeat(121)],
        ['of 121 characters of four bytes', '\u{1F98A}'.repeat(121)],
    ], FIELDS_MISSING));

test('register refuses a missing password: INVALID_REQUEST', () =>
    registerRefuses('password', 'INVALID_REQUEST', BAD_STRINGS.slice(0, 2), FIELDS_MISSING));

const aged = (number) => JSON.stringify(person()).replace('"age":36', `"age":${number}`);

test('register refuses a bad age: INVALID_AGE', async () => {
    await registerRefuses('age', 'INVALID_AGE', [
        ['missing', undefined],
        ['null', null],
        ['0', 0],
        ['151', 151],
        ['-1', -1],
        ['1.5', 1.5],
        ['149.999', 149.999],
        ['a text', '36'],
        ['true', true],
        ['an array', [36]],
    ]);
    for (const number of ['18446744073709551652', '4294967332', '1e400', '-1e400', '0.1e-400']) refused(await register(aged(number)), 400, 'INVALID_AGE', `age ${number}`);
});

test('register refuses an age that is whole only once it is rounded', async () => {
    for (const number of ['36.0000000000000000000001', '149.99999999999999999999']) refused(await register(aged(number)), 400, 'INVALID_AGE', `age ${number}`);
});

test('register refuses a bad gender: GENDER_REQUIRED', () =>
    registerRefuses('gender', 'GENDER_REQUIRED', [
        ['missing', undefined],
        ['null', null],
        ['empty', ''],
        ['a number', 1],
        ['an object', {}],
        ['of 33 characters', 'g'.repeat(33)],
        ['of 33 characters of two bytes', '\u042F'.repeat(33)],
    ]));

test('register refuses a weak password: INVALID_PASSWORD', () =>
    registerRefuses('password', 'INVALID_PASSWORD', [
        ['of 7 bytes', 'Aa1!xyz'],
        ['of 513 bytes', `Aa1!${'x'.repeat(509)}`],
        ['of 259 characters in 514 bytes', `Aa1!${'\u00e9'.repeat(255)}`],
        ['without an upper', 'correct-horse7'],
        ['without a lower', 'CORRECT-HORSE7'],
        ['without a digit', 'Correct-Horse!'],
        ['without a special character', 'CorrectHorse77'],
    ]));

test('register: usernames and e-mails are unique without regard to ASCII case', async () => {
    const swap = (text) => text.replace(/[a-z]/gi, (c) => (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase()));
    const { ada } = users;
    const cases = [
        ['username', 'USERNAME_EXISTS', ada.username],
        ['username', 'USERNAME_EXISTS', swap(ada.username)],
        ['email', 'EMAIL_EXISTS', ada.email],
        ['email', 'EMAIL_EXISTS', swap(ada.email)],
        ['email', 'EMAIL_EXISTS', ada.email.replace('example', 'eXample')],
    ];
    for (const [field, code, value] of cases) await registerRefuses(field, code, [[value, value]]);
    // Letters of any script have their case, whatever C library the programs are built with.
    accepted(await register(person({ password: '\u0436\u0416\u0436\u0436-12' })), 201, 'a password of Cyrillic letters');
    await registerRefuses('password', 'INVALID_PASSWORD', [['Cyrillic letters of one case', '\u0436\u0436\u0436\u0436\u0436-12']]);
    await registerRefuses('username', 'INVALID_REQUEST', [['Latin and Cyrillic', 'p\u0430ypal'], ['a space of no width', 'a\u200bb']]);
    // Only ASCII folds: these are two names.
    accepted(await register(person({ username: `${run}\u00e9` })), 201, 'a name with U+00E9');
    accepted(await register(person({ username: `${run}\u00c9` })), 201, 'the name with U+00C9 after it');
});

test('register checks in the order of its table', async () => {
    const { ada } = users;
    const all = { username: ada.username, email: ada.email, full_name: '', age: 0, gender: '', password: 'x' };
    const steps = [
        ['INVALID_REQUEST', { full_name: 'Ada Byron' }],
        ['INVALID_AGE', { age: 36 }],
        ['GENDER_REQUIRED', { gender: 'female' }],
        ['INVALID_PASSWORD', { password: PASSWORD }],
        ['USERNAME_EXISTS', { username: person().username }],
        ['EMAIL_EXISTS', { email: person().email }],
    ];
    let body = all;
    for (const [code, repair] of steps) {
        refused(await register(body), 400, code, `what is left wrong by then`, code === 'INVALID_REQUEST' ? FIELDS_MISSING : ERRORS[code]);
        body = { ...body, ...repair };
    }
    // Each of the first row's fields goes before all later rows.
    for (const field of ['username', 'email', 'password']) {
        refused(await register(without({ ...all, full_name: 'Ada Byron' }, field)), 400, 'INVALID_REQUEST', `${field} missing, the rest wrong`, FIELDS_MISSING);
    }
});

// Requests that leave together, once all are connected. One that meets a busy database comes again
// when it is told to, unless `once`.
async function together(bodies, path, { auth, once = false } = {}) {
    let waiting = bodies.length;
    let open;
    const opened = new Promise((resolve) => (open = resolve));
    const gate = () => {
        if (--waiting === 0) open();
        return opened;
    };
    const answers = await Promise.all(bodies.map((body) => send('POST', path, { body, auth, gate })));
    for (let again = 0; !once && again < 2; again++) {
        const busy = answers.map((answer, index) => (answer.status === 503 ? index : -1)).filter((index) => index >= 0);
        if (!busy.length) break;
        await new Promise((go) => setTimeout(go, Math.min(2, Number(answers[busy[0]].headers.get('retry-after')) || 1) * 1000));
        for (const index of busy) answers[index] = await send('POST', path, { body: bodies[index], auth });
    }
    return answers;
}

test('register at the same instant: exactly one wins a name, exactly one an e-mail', async () => {
    const outcome = (answers, code, what) => {
        same(answers.filter((answer) => answer.status === 201).length, 1, `${what}: winners`);
        for (const answer of answers) if (answer.status !== 201) refused(answer, 400, code, `${what}: a loser`);
    };
    const name = `r${run}`;
    const names = [name, name.toUpperCase(), name, name, `R${run}`];
    outcome(await together(names.map((username) => person({ username })), '/register'), 'USERNAME_EXISTS', 'one name');
    const email = `r${run}@example.org`;
    const emails = [email, email.toUpperCase(), email, email, `R${run}@example.org`];
    outcome(await together(emails.map((address) => person({ email: address })), '/register'), 'EMAIL_EXISTS', 'one e-mail');
});

test('register at the same instant: different names do not get into each other\'s way', async () => {
    for (let round = 0; round < 2; round++) {
        for (const answer of await together([person(), person(), person()], '/register', { once: true })) accepted(answer, 201, 'one of three');
    }
});

// --- Tokens ---

const decode = (part) => JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
const encode = (object) => Buffer.from(JSON.stringify(object)).toString('base64url');

test('token answers 200 with the token twice, its type and its life', () => {
    const { json } = users.ada.entered;
    same(json.message, SAYS.token, 'message');
    same(json.data.access_token, json.token, 'data.access_token');
    same(json.data.token_type, 'Bearer', 'data.token_type');
    same(json.data.expires_in, 3600, 'data.expires_in');
    same(Object.keys(json.data).sort().join(), 'access_token,expires_in,token_type', 'members of data');
    same(Object.keys(json).sort().join(), 'data,message,status,token', 'members at the top');
});

test('token is a JWT with the stated header and claims', async () => {
    const { ada } = users;
    const check = (jwt, asked) => {
        ok(/^[\w-]+\.[\w-]+\.[\w-]{43}$/.test(jwt), `form: ${jwt}`);
        const [header, claims] = jwt.split('.').slice(0, 2).map(decode);
        same(header.alg, 'HS256', 'header alg');
        ok(typeof header.kid === 'string' && header.kid !== '', `header kid ${show(header.kid)}`);
        same(claims.sub, String(ada.id), 'claim sub');
        same(claims.user_id, ada.id, 'claim user_id');
        ok(Number.isInteger(claims.iat) && Math.abs(claims.iat - asked) < 60, `claim iat ${claims.iat}`);
        same(claims.exp, claims.iat + 3600, 'claim exp');
        ok(typeof claims.jti === 'string' && claims.jti !== '', `claim jti ${show(claims.jti)}`);
        ok(Number.isInteger(claims.epoch), `claim epoch ${show(claims.epoch)}`);
        ok(!JSON.stringify(claims).includes(PASSWORD), 'the password is in the claims');
        return claims.jti;
    };
    const first = check(ada.jwt, ada.asked);
    const asked = Date.now() / 1000;
    const again = await login(ada);
    if (accepted(again, 200, 'a second token')) ok(check(again.json.token, asked) !== first, 'two tokens have one jti');
});

test('token takes the e-mail in username or in email, and ignores unknown fields', async () => {
    const { ada } = users;
    const claimed = (answer) => decode(answer.json.token.split('.')[1]).user_id;
    for (const [what, body] of [
        ['username', { username: ada.username, password: PASSWORD }],
        ['e-mail in username', { username: ada.email, password: PASSWORD }],
        ['e-mail in email', { email: ada.email, password: PASSWORD }],
        ['the whole user object', without(ada, 'registered', 'entered', 'asked')],
    ]) {
        const answer = await login(body);
        if (accepted(answer, 200, what)) same(claimed(answer), ada.id, `${what}: user_id`);
    }
});

test('token without username or password: 400 MISSING_FIELDS', async () => {
    const { ada } = users;
    for (const body of [{}, { username: ada.username }, { email: ada.email }, { password: PASSWORD }, { full_name: 'Ada' }, { username: null, password: PASSWORD }, { username: ada.username, password: null }]) {
        refused(await login(body), 400, 'MISSING_FIELDS', JSON.stringify(body));
    }
});

test('token: one answer for a wrong password and for an unknown user', async () => {
    const { ada } = users;
    const shape = (answer) => `${answer.status} ${[...answer.headers].filter(([name]) => name !== 'date').map(String).sort().join('; ')} ${answer.text}`;
    const wrong = await login({ username: ada.username, password: `${PASSWORD}x` });
    const unknown = await login({ username: `nobody${run}`, password: PASSWORD });
    const address = await login({ email: `nobody${run}@example.org`, password: PASSWORD });
    refused(wrong, 401, 'INVALID_CREDENTIALS', 'wrong password');
    refused(unknown, 401, 'INVALID_CREDENTIALS', 'unknown user');
    same(shape(unknown), shape(wrong), 'the two answers');
    same(shape(address), shape(wrong), 'the answer for an unknown e-mail');
    refused(await login({ username: ada.username, password: PASSWORD.toLowerCase() }), 401, 'INVALID_CREDENTIALS', 'password in another case');
});

const CALLS = [
    ['POST', '/data', { key: 'k', value: 1 }],
    ['GET', '/data/k'],
    ['HEAD', '/data/k'],
    ['PUT', '/data/k', { value: 1 }],
    ['DELETE', '/data/k'],
    ['GET', '/data?key=k'],
    ['PUT', '/data?key=k', { value: 1 }],
    ['DELETE', '/data?key=k'],
    ['POST', '/data', '{"key":'],
    ['PUT', '/data/k', { value: null }],
];

test('every call on data without a token: 401 INVALID_TOKEN', async () => {
    for (const [method, path, body] of CALLS) {
        const answer = await send(method, path, { body });
        const what = `${method} ${path} ${show(body || '')}`;
        if (method === 'HEAD') same(answer.status, 401, what);
        else if (refused(answer, 401, 'INVALID_TOKEN', what) && answer.json.details && 'token' in answer.json.details) same(answer.json.details.token, 'missing', `${what}: details.token`);
        ok(!/\berror=/.test(answer.headers.get('www-authenticate') || ''), `${what}: an error in WWW-Authenticate though no token was sent`);
    }
});

test('no token that was not issued is taken: 401 INVALID_TOKEN', async () => {
    await signUp('bob');
    const { ada, bob } = users;
    const [header, claims, signature] = ada.jwt.split('.');
    const sign = (signed, key, hash = 'sha256') => `${signed}.${crypto.createHmac(hash, key).update(signed).digest('base64url')}`;
    const flipped = (signature[9] === 'A' ? 'B' : 'A') + signature.slice(10);
    const other = (changes) => encode({ ...decode(header), ...changes });
    const forged = encode({ ...decode(claims), sub: String(bob.id), user_id: bob.id });
    const cases = {
        'a word': 'abc',
        'three words': 'a.b.c',
        'dots alone': '..',
        'two parts': `${header}.${claims}`,
        'an empty signature': `${header}.${claims}.`,
        'a changed signature': `${header}.${claims}.${signature.slice(0, 9)}${flipped}`,
        'a short signature': `${header}.${claims}.${signature.slice(0, -4)}`,
        'a fourth part': `${ada.jwt}.x`,
        'another user in the claims': `${header}.${forged}.${signature}`,
        'a later exp in the claims': `${header}.${encode({ ...decode(claims), exp: decode(claims).exp + 9999 })}.${signature}`,
        'the signature of another token': `${header}.${claims}.${bob.jwt.split('.')[2]}`,
        'alg none, unsigned': `${other({ alg: 'none' })}.${claims}.`,
        'alg none, the old signature': `${other({ alg: 'none' })}.${claims}.${signature}`,
        'alg HS512': `${other({ alg: 'HS512' })}.${claims}.${signature}`,
        'alg HS384, signed with nothing': sign(`${other({ alg: 'HS384' })}.${claims}`, '', 'sha384'),
        'an unknown kid': `${other({ kid: `x${run}` })}.${claims}.${signature}`,
        'signed with nothing': sign(`${header}.${claims}`, ''),
        'signed with a common secret': sign(`${header}.${claims}`, 'secret'),
        'signed with the kid': sign(`${header}.${claims}`, String(decode(header).kid)),
        'no JSON inside': sign(`${header}.${Buffer.from('x').toString('base64url')}`, ''),
        '4000 letters': 'x'.repeat(4000),
    };
    for (const [what, jwt] of Object.entries(cases)) {
        const answer = await send('GET', '/data/k', { auth: `Bearer ${jwt}` });
        refused(answer, 401, 'INVALID_TOKEN', what);
        const detail = ((answer.json || {}).details || {}).token;
        ok(detail === undefined || ['missing', 'expired', 'revoked'].includes(detail), `${what}: details.token ${detail}`);
        ok(/\berror="?invalid_token"?/.test(answer.headers.get('www-authenticate') || ''), `${what}: WWW-Authenticate ${answer.headers.get('www-authenticate')}`);
    }
});

test('Authorization: the token alone or after Bearer in any case; nothing else', async () => {
    const { ada } = users;
    const key = newKey();
    accepted(await create(key, 1, ada.auth), 201, 'an item');
    for (const scheme of ['', 'Bearer ', 'bearer ', 'BEARER ', 'bEaReR ']) accepted(await read(key, scheme + ada.jwt), 200, `scheme "${scheme}"`);
    for (const [what, auth] of [
        ['empty', ''],
        ['Bearer alone', 'Bearer'],
        ['Basic', `Basic ${Buffer.from(`${ada.username}:${PASSWORD}`).toString('base64')}`],
        ['Basic with the token', `Basic ${ada.jwt}`],
        ['more behind the token', `Bearer ${ada.jwt} x`],
        ['Bearer twice', `Bearer Bearer ${ada.jwt}`],
        ['no blank after Bearer', `Bearer${ada.jwt}`],
    ]) {
        refused(await read(key, auth), 401, 'INVALID_TOKEN', what);
    }
});

// --- Conventions of requests ---

test('any content type is taken as JSON', async () => {
    const { ada } = users;
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/json; charset=utf-8', 'application/octet-stream', 'nonsense', null]) {
        const key = newKey();
        accepted(await send('POST', '/data', { auth: ada.auth, body: { key, value: 1 }, headers: { 'Content-Type': type } }), 201, `POST as ${type}`);
        accepted(await send('PUT', byPath(key), { auth: ada.auth, body: { value: 2 }, headers: { 'Content-Type': type } }), 200, `PUT as ${type}`);
    }
    accepted(await login(ada, { headers: { 'Content-Type': 'text/plain' } }), 200, 'token as text/plain');
    refused(await register({}, { headers: { 'Content-Type': 'application/x-www-form-urlencoded' } }), 400, 'INVALID_REQUEST', 'register as a form', FIELDS_MISSING);
});

test('a wrong method: 405 with Allow', async () => {
    for (const [method, path, right] of [
        ['GET', '/register', 'POST'],
        ['PUT', '/register', 'POST'],
        ['DELETE', '/register', 'POST'],
        ['HEAD', '/register', 'POST'],
        ['GET', '/token', 'POST'],
        ['PUT', '/token', 'POST'],
    ]) {
        const answer = await send(method, path, { body: method === 'PUT' ? {} : undefined });
        same(answer.status, 405, `${method} ${path}`);
        const allowed = (answer.headers.get('allow') || '').split(/ *, */);
        ok(allowed.includes(right) && !allowed.includes(method), `${method} ${path}: Allow ${allowed}`);
    }
});

test('OPTIONS: 204 with Allow, without a token, and no CORS answer by default', async () => {
    for (const [path, wanted] of [
        ['/register', ['POST']],
        ['/token', ['POST']],
        ['/data', ['POST']],
        ['/data/k', ['GET', 'HEAD', 'PUT', 'DELETE']],
        ['/data?key=k', ['GET', 'HEAD', 'PUT', 'DELETE']],
    ]) {
        const headers = { Origin: 'https://example.org', 'Access-Control-Request-Method': 'POST' };
        const answer = await send('OPTIONS', path, { headers });
        same(answer.status, 204, `OPTIONS ${path}`);
        const allowed = (answer.headers.get('allow') || '').split(/ *, */);
        for (const method of wanted) ok(allowed.includes(method), `OPTIONS ${path}: Allow ${allowed} without ${method}`);
    }
    accepted(await send('POST', '/token', { body: users.ada, headers: { Origin: 'https://example.org' } }), 200, 'a request with Origin');
});

test('HEAD is GET without the body', async () => {
    const { ada } = users;
    const key = newKey();
    accepted(await create(key, { a: '\u00e9'.repeat(20) }, ada.auth), 201, 'an item');
    for (const [path, auth, status] of [
        [byPath(key), ada.auth, 200],
        [byQuery(key), ada.auth, 200],
        [byPath(newKey()), ada.auth, 404],
        [byPath(key), undefined, 401],
        [byPath(key), 'Bearer x.y.z', 401],
    ]) {
        const get = await send('GET', path, { auth });
        const only = await send('HEAD', path, { auth });
        same(get.status, status, `GET ${path}`);
        same(only.status, status, `HEAD ${path}`);
        for (const name of ['content-type', 'content-length', 'cache-control', 'etag', 'www-authenticate']) same(only.headers.get(name), get.headers.get(name), `HEAD ${path}: ${name}`);
    }
});

test('X-HTTP-Method-Override makes POST a PUT or DELETE, and nothing but POST', async () => {
    const { ada } = users;
    const key = newKey();
    accepted(await create(key, 1, ada.auth), 201, 'an item');
    const big = 'x'.repeat(150000);
    accepted(await override('PUT', byPath(key), { auth: ada.auth, body: { value: big } }), 200, 'POST as PUT by path', SAYS.updated);
    same((await read(key, ada.auth)).json.data.value, big, 'value after it');
    accepted(await override('PUT', byQuery(key), { auth: ada.auth, body: { value: 3 } }), 200, 'POST as PUT by ?key=', SAYS.updated);
    same((await read(key, ada.auth)).json.data.value, 3, 'value after it');
    refused(await override('PUT', byPath(newKey()), { auth: ada.auth, body: { value: 3 } }), 404, 'KEY_NOT_FOUND', 'POST as PUT of nothing');
    refused(await override('PUT', byPath(key), { body: { value: 3 } }), 401, 'INVALID_TOKEN', 'POST as PUT without a token');
    for (const method of ['DELETE', 'PUT']) {
        const answer = await send('GET', byPath(key), { auth: ada.auth, headers: { 'X-HTTP-Method-Override': method } });
        if (accepted(answer, 200, `GET that says ${method}`)) same(answer.json.data.value, 3, `GET that says ${method}: value`);
    }
    same((await override('DELETE', '/register', { body: person() })).status, 405, 'POST /register as DELETE');
    same((await override('PUT', '/token', { body: ada })).status, 405, 'POST /token as PUT');
    accepted(await override('DELETE', byPath(key), { auth: ada.auth }), 200, 'POST as DELETE', SAYS.deleted);
    refused(await read(key, ada.auth), 404, 'KEY_NOT_FOUND', 'the item after it');
});

test('a chunked body is read to its end, or refused where its framing comes raw', async () => {
    const { ada } = users;
    const chunked = (parts) => parts.map((part) => `${bytes(part).length.toString(16)}\r\n${part}\r\n`).join('');
    const key = newKey();
    const text = JSON.stringify({ key, value: ['\u00e9', 'x'.repeat(5000)] });
    const call = (method, path, parts) =>
        answerTo(method, [Buffer.concat([head(method, path, { auth: ada.auth, headers: { 'Transfer-Encoding': 'chunked' } }), bytes(`${chunked(parts)}0\r\n\r\n`)])]);
    const post = await call('POST', '/data', [text.slice(0, 7), text.slice(7, 3000), text.slice(3000)]);
    if (busybox) {
        refused(post, 411, 'LENGTH_REQUIRED', 'POST');
        refused(await read(key, ada.auth), 404, 'KEY_NOT_FOUND', 'the item after it');
        accepted(await create(key, 1, ada.auth), 201, 'an item');
        refused(await call('PUT', byPath(key), ['{"value":2}']), 411, 'LENGTH_REQUIRED', 'PUT');
        same((await read(key, ada.auth)).json.data.value, 1, 'value after it');
        return;
    }
    accepted(post, 201, 'POST');
    same(valueText(await read(key, ada.auth)), member(text, 'value'), 'what was stored');
    accepted(await call('PUT', byPath(key), ['{"val', 'ue":2}']), 200, 'PUT');
    same((await read(key, ada.auth)).json.data.value, 2, 'value after it');
    const bad = await call('POST', '/data', ['{"key":"x"', ',"value":1}}']);
    refused(bad, 400, 'INVALID_REQUEST', 'a chunked body with text after it');
});

test('a body shorter than announced: 400 INCOMPLETE_BODY where it gets through, nothing stored ever', async () => {
    const { ada } = users;
    const key = newKey();
    // The whole text is there; only the announced length says that more should come.
    const text = bytes({ key, value: 1 });
    const short = [Buffer.concat([head('POST', '/data', { auth: ada.auth, length: text.length + 10 }), text])];
    let answer;
    try {
        answer = await answerTo('POST', short, { half: true, own: true });
    } catch {
        // A server may drop such a request without asking anyone.
    }
    if (answer) {
        same(answer.status, 400, 'POST: status');
        // Some servers see for themselves that the body broke off.
        if (busybox || answer.json.code !== 'INVALID_REQUEST') {
            refused(answer, 400, 'INCOMPLETE_BODY', 'POST');
            ok(/X-HTTP-Method-Override/i.test(answer.json.message), `POST: the message names no way out: ${answer.text}`);
        }
    }
    refused(await read(key, ada.auth), 404, 'KEY_NOT_FOUND', 'the item after it');
    if (!busybox) return;
    // This server hands over no more of such a body than came with the head, and so answers before the rest comes.
    accepted(await create(key, 1, ada.auth), 201, 'an item');
    for (const [what, path, parts] of [
        ['nothing in the first piece', byPath(key), ['', 20000, '{"value":2}']],
        ['a part in the first piece', byPath(key), ['{"value":', 20000, '2}']],
        ['a complete text in the first piece', byQuery(key), ['{"value":2}', 20000, '      ']],
    ]) {
        const length = bytes(parts.filter((part) => typeof part === 'string').join('')).length;
        const [first, ...rest] = parts;
        const put = await answerTo('PUT', [Buffer.concat([head('PUT', path, { auth: ada.auth, length }), bytes(first)]), ...rest]);
        refused(put, 400, 'INCOMPLETE_BODY', `PUT, ${what}`);
        ok(/X-HTTP-Method-Override/i.test((put.json || {}).message || ''), `PUT, ${what}: the message is ${show((put.json || {}).message)}`);
    }
    same((await read(key, ada.auth)).json.data.value, 1, 'value after it');
});

// The head of a request too large for anyone; the body never comes. Who waited for it would answer in the end that it
// is incomplete.
const hugeHead = (path) => head('POST', path, { auth: users.ada.auth, length: 2 ** 30 });

test('a body over the limit: 413 BODY_TOO_LARGE, without waiting for it', async () => {
    const { ada } = users;
    for (const path of ['/data', '/register', '/token']) {
        refused(await answerTo('POST', [hugeHead(path)], { own: true, early: true }), 413, 'BODY_TOO_LARGE', path);
    }
    if (busybox) return;
    // A small item in a huge text without a length: nothing but the body is too large.
    const key = newKey();
    const text = Buffer.concat([bytes({ key, value: 1 }), Buffer.alloc(24 << 20, ' ')]);
    const parts = [head('POST', '/data', { auth: ada.auth, headers: { 'Transfer-Encoding': 'chunked' } }), bytes(`${text.length.toString(16)}\r\n`), text, bytes('\r\n0\r\n\r\n')];
    let answer;
    for (let round = 0; round < 3 && !answer; round++) {
        // The connection may break before the answer is read, as the body is still on its way.
        answer = await answerTo('POST', parts, { own: true }).catch(() => undefined);
    }
    if (ok(answer, 'chunked: no answer')) refused(answer, 413, 'BODY_TOO_LARGE', 'chunked');
    refused(await read(key, ada.auth), 404, 'KEY_NOT_FOUND', 'the item after it');
});

test('answers of the web server itself carry the headers of all answers', async () => {
    const answer = await answerTo('POST', [hugeHead('/data')], { own: true, early: true });
    refused(answer, 413, 'BODY_TOO_LARGE', 'a huge body');
    // lighttpd sends what it refuses itself past all that could add a header.
    if (!/lighttpd/i.test(answer.headers.get('server') || '')) conventions(answer);
    await send('GET', '/data?key=%00', { auth: users.ada.auth });
});

// --- What JSON is taken ---

const nested = (depth) => `${'['.repeat(depth)}${']'.repeat(depth)}`;

// `at`: the byte that is wrong; undefined where several could be meant.
async function badBody(what, body, at, path = '/data') {
    const answer = await send('POST', path, { auth: users.ada.auth, body: bytes(body) });
    if (!refused(answer, 400, 'INVALID_REQUEST', what)) return;
    const said = (answer.json.details || {}).body;
    if (!ok(typeof said === 'string', `${what}: details ${show(answer.json.details)}`)) return;
    const numbers = (said.match(/\d+/g) || []).map(Number);
    ok(numbers.length > 0 && /[a-z]{3}/i.test(said), `${what}: details.body "${said}" says not what or at which byte`);
    // Bytes may be counted from 0 or from 1.
    ok(at === undefined || numbers.some((number) => number === at || number === at + 1), `${what}: details.body "${said}" instead of byte ${at}`);
}

test('bad JSON: 400 INVALID_REQUEST with details.body', async () => {
    for (const [what, body, at] of [
        ['empty', ''],
        ['a blank', ' '],
        ['truncated', '{"key":"x","value":1'],
        ['truncated text', '{"key":"x'],
        ['comma at the end', '{"key":"x","value":1,}', 21],
        ['comma at the end of an array', '{"key":"x","value":[1,]}', 22],
        ['two commas', '{"key":"x",,"value":1}', 11],
        ['no comma', '{"key":"x" "value":1}', 11],
        ['no colon', '{"key" "x","value":1}', 7],
        ['single quotes', "{'key':'x','value':1}", 1],
        ['a bare name', '{key:"x","value":1}', 1],
        ['a comment', '{"key":"x",/**/"value":1}', 11],
        ['NaN', '{"key":"x","value":NaN}', 19],
        ['Infinity', '{"key":"x","value":Infinity}', 19],
        ['True', '{"key":"x","value":True}', 19],
        ['a plus', '{"key":"x","value":+1}', 19],
        ['a leading point', '{"key":"x","value":.5}', 19],
        ['a leading zero', '{"key":"x","value":01}'],
        ['a trailing point', '{"key":"x","value":1.}'],
        ['a bare exponent', '{"key":"x","value":1e}'],
        ['hexadecimal', '{"key":"x","value":0x10}'],
        ['a bare minus', '{"key":"x","value":-}'],
        ['a raw line feed in a text', '{"key":"x","value":"a\nb"}', 21],
        ['a raw U+001F in a text', '{"key":"x","value":"a\u001fb"}', 21],
        ['an unknown escape', '{"key":"x","value":"\\x41"}'],
        ['a short escape', '{"key":"x","value":"\\u00e"}'],
        ['the wrong bracket', '{"key":"x","value":[1}}', 21],
        ['bytes, not characters', `{"key":"${'\u{1F600}'.repeat(30)}",}`, 130],
    ]) {
        await badBody(what, body, at);
    }
    await badBody('bad JSON for register', '{"username":"x",}', 16, '/register');
    await badBody('bad JSON for token', '{"username":"x",}', 16, '/token');
});

test('text after the JSON: 400 INVALID_REQUEST with details.body', async () => {
    const body = '{"key":"x","value":1}';
    await badBody('a letter', `${body}x`, body.length);
    await badBody('a letter after blanks', `${body} \n x`, body.length + 3);
    await badBody('a bracket', `${body}}`, body.length);
    await badBody('a second object', `${body}${body}`, body.length);
    await badBody('a comma', `${body},`, body.length);
});

test('invalid UTF-8 or NUL: 400 INVALID_REQUEST with details.body', async () => {
    const raw = (middle) => Buffer.concat([bytes('{"key":"x","value":"ab'), Buffer.from(middle), bytes('c"}')]);
    for (const [what, middle] of [
        ['FF', [0xff]],
        ['a lone continuation', [0x80]],
        ['a start without its end', [0xc3]],
        ['an overlong slash', [0xc0, 0xaf]],
        ['an overlong of three bytes', [0xe0, 0x80, 0xaf]],
        ['a surrogate', [0xed, 0xa0, 0x80]],
        ['a short euro', [0xe2, 0x82]],
        ['beyond U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
        ['F5', [0xf5, 0x80, 0x80, 0x80]],
    ]) {
        await badBody(what, raw(middle));
    }
    await badBody('FF at a known byte', raw([0xff]), 22);
    await badBody('FF in the key', Buffer.concat([bytes('{"key":"a'), Buffer.from([0xff]), bytes('","value":1}')]), 9);
    await badBody('FF in an unknown field', Buffer.concat([bytes('{"key":"a","value":1,"x":"'), Buffer.from([0xff]), bytes('"}')]), 26);
    await badBody('NUL in a text', raw([0]), 22);
    await badBody('NUL at the end', '{"key":"x","value":1}\0', 21);
    await badBody('NUL and more at the end', '{"key":"x","value":1}\0{}', 21);
    await badBody('NUL in front', '\0{"key":"x","value":1}', 0);
    await badBody('NUL between', '{"key":"x",\0"value":1}', 11);
    await badBody('FF for token', Buffer.concat([bytes('{"password":"'), Buffer.from([0xff]), bytes('"}')]), 13, '/token');
});

test('a top level that is no object: 400 INVALID_REQUEST with details.body', async () => {
    for (const body of ['[]', '[{"key":"x","value":1}]', '"x"', '1', 'null', 'true']) await badBody(body, body);
    for (const body of ['[]', 'null']) {
        await badBody(`${body} for register`, body, undefined, '/register');
        await badBody(`${body} for token`, body, undefined, '/token');
    }
});

test('a duplicate member of the top object: 400 INVALID_REQUEST with details.body', async () => {
    const { ada } = users;
    for (const [what, body, path] of [
        ['key twice', '{"key":"x","key":"y","value":1}'],
        ['the same value twice', '{"key":"x","value":1,"value":1}'],
        ['an escape in the name', '{"key":"x","value":1,"valu\\u0065":2}'],
        ['an unknown field twice', '{"key":"x","zz":1,"value":1,"zz":2}'],
        ['password twice', JSON.stringify(ada.username).replace(/.*/, '{"username":$&,"password":"x","password":"y"}'), '/token'],
        ['username twice', JSON.stringify(person()).replace('{', '{"username":"z",'), '/register'],
    ]) {
        await badBody(what, body, undefined, path);
    }
});

test('a value of 96 levels is taken, a deeper one and a body of more than 100 are not', async () => {
    const { ada } = users;
    const key = newKey();
    accepted(await send('POST', '/data', { auth: ada.auth, body: `{"key":"${key}","value":${nested(96)}}` }), 201, '96 levels');
    same(valueText(await read(key, ada.auth)), nested(96), 'what was stored');
    refused(await send('POST', '/data', { auth: ada.auth, body: `{"key":"y","value":${nested(97)}}` }), 400, 'INVALID_VALUE', '97 levels');
    // Of the body, the object of the request is the first level.
    await badBody('101 levels', `{"key":"y","value":${nested(100)}}`);
    await badBody('101 levels of objects', `{"key":"y","value":${'{"a":'.repeat(100)}1${'}'.repeat(100)}}`);
    await badBody('101 levels in an unknown field', `{"key":"y","value":1,"zz":${nested(100)}}`);
    await badBody('100000 levels', `{"key":"y","value":${nested(50000)}}`);
});

test('PUT takes the same care of its body', async () => {
    const { ada } = users;
    const key = newKey();
    accepted(await create(key, 1, ada.auth), 201, 'an item');
    for (const body of ['', '{"value":2', '{"value":2}x', '[2]', '{"value":2,"value":3}', '{"value":2,}']) {
        for (const call of [send, (method, ...rest) => override(method, ...rest)]) {
            const answer = await call('PUT', byPath(key), { auth: ada.auth, body });
            if (refused(answer, 400, 'INVALID_REQUEST', show(body))) ok(/\d/.test((answer.json.details || {}).body || ''), `${body}: details ${show(answer.json.details)}`);
        }
    }
    same((await read(key, ada.auth)).json.data.value, 1, 'value after it');
    accepted(await send('PUT', byPath(key), { auth: ada.auth, body: ' \r\n\t{ "ttl" : 60 , "value" : 2 }\n' }), 200, 'blanks');
    same((await read(key, ada.auth)).json.data.value, 2, 'value after it');
});

// --- Items ---

const item = (answer, key, value, what) => {
    const { data } = answer.json;
    if (!ok(data && typeof data === 'object', `${what}: data ${show(data)}`)) return;
    same(data.key, key, `${what}: data.key`);
    same(JSON.stringify(data.value), JSON.stringify(value), `${what}: data.value`);
    ok(Number.isSafeInteger(data.version) && data.version > 0, `${what}: data.version ${show(data.version)}`);
    ok(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)$/.test(data.updated_at), `${what}: data.updated_at ${show(data.updated_at)}`);
    ok(Math.abs(Date.parse(data.updated_at) - Date.now()) < 60000, `${what}: data.updated_at ${data.updated_at} is not now`);
};

test('what is not known is refused by name, with the nearest that is', async () => {
    const { ada } = users;
    const key = newKey();
    const named = (answer, code, name, nearest, what) => {
        if (!refused(answer, 400, code, what)) return;
        ok((answer.json.details || {})[name] === `is unknown; the nearest known is ${nearest}`, `${what}: details ${show(answer.json.details)}`);
    };
    for (const [body, name, nearest] of [
        [{ key, value: 1, tll: 5 }, 'tll', 'ttl'],
        [{ key, value: 1, version: 99 }, 'version', 'key'],
    ]) {
        named(await send('POST', '/data', { auth: ada.auth, body }), 'INVALID_FIELD', name, nearest, `POST ${show(body)}`);
    }
    refused(await read(key, ada.auth), 404, 'KEY_NOT_FOUND', 'GET after it');
    accepted(await create(key, 1, ada.auth), 201, 'an item');
    named(await send('PUT', byPath(key), { auth: ada.auth, body: { value: 2, key } }), 'INVALID_FIELD', 'key', 'value', 'PUT with a key');
    for (const [method, path, name, nearest] of [
        ['GET', '/data?prefx=o', 'prefx', 'prefix'],
        ['PUT', `${byPath(key)}?upser=true`, 'upser', 'upsert'],
        ['GET', `/data?key=${encodeURIComponent(key)}&zz=1`, 'zz', 'key'],
        ['DELETE', `${byPath(key)}?if_mach=1`, 'if_mach', 'if_match'],
        ['DELETE', '/data?prefix=x&limit=1', 'limit', 'prefix'],
    ]) {
        named(await send(method, path, { auth: ada.auth, body: method === 'PUT' ? { value: 2 } : undefined }), 'INVALID_PARAMETER', name, nearest, `${method} ${path}`);
    }
    same((await read(key, ada.auth)).json.data.value, 1, 'value after it');
});

test('an item is stored, read, updated and deleted', async () => {
    const { ada } = users;
    const key = newKey();
    refused(await read(key, ada.auth), 404, 'KEY_NOT_FOUND', 'GET before');
    refused(await send('PUT', byPath(key), { auth: ada.auth, body: { value: 1 } }), 404, 'KEY_NOT_FOUND', 'PUT before');
    refused(await send('DELETE', byPath(key), { auth: ada.auth }), 404, 'KEY_NOT_FOUND', 'DELETE before');
    refused(await read(key, ada.auth), 404, 'KEY_NOT_FOUND', 'GET after a PUT that failed');
    const post = await send('POST', '/data', { auth: ada.auth, body: { key, value: { a: [1, null] } } });
    if (accepted(post, 201, 'POST', SAYS.stored)) item(post, key, { a: [1, null] }, 'POST');
    const get = await read(key, ada.auth);
    if (accepted(get, 200, 'GET')) item(get, key, { a: [1, null] }, 'GET');
    refused(await create(key, 'other', ada.auth), 400, 'KEY_EXISTS', 'POST again');
    same(valueText(await read(key, ada.auth)), '{"a":[1,null]}', 'value after it');
    accepted(await send('PUT', byPath(key), { auth: ada.auth, body: { value: 'new' } }), 200, 'PUT', SAYS.updated);
    const later = await read(key, ada.auth);
    if (accepted(later, 200, 'GET after PUT')) {
        item(later, key, 'new', 'GET after PUT');
        ok(later.json.data.version > get.json.data.version, `version ${later.json.data.version} after ${get.json.data.version}`);
    }
    accepted(await send('DELETE', byPath(key), { auth: ada.auth }), 200, 'DELETE', SAYS.deleted);
    refused(await read(key, ada.auth), 404, 'KEY_NOT_FOUND', 'GET after');
    refused(await send('PUT', byPath(key), { auth: ada.auth, body: { value: 1 } }), 404, 'KEY_NOT_FOUND', 'PUT after');
    refused(await send('DELETE', byPath(key), { auth: ada.auth }), 404, 'KEY_NOT_FOUND', 'DELETE after');
    accepted(await create(key, 2, ada.auth), 201, 'POST after');
});

const KEYS = [
    'plain',
    'Plain',
    'two words',
    ' blanks at the ends ',
    '\u043a\u043b\u044e\u0447',
    '\u9375\u{1F511}',
    '\u0645\u0641\u062a\u0627\u062d',
    'e\u0301',
    '\u00e9',
    '100%',
    'a%41b',
    'a%2Fb',
    'a+b',
    'a&b=c;d',
    'what?',
    '#1',
    '"quoted"',
    "it's",
    'back\\slash',
    'a:b,c@d$e!f*(g)',
    '<i>[x]{y}|^`~',
    '.hidden',
    '...',
    'a..b',
    'a/b/c',
    'x/.y/..z/...',
    'two words/\u043a\u043b\u044e\u0447/100%/?',
    '-',
    '0',
    'null',
    'key',
    'data',
];

test('every kind of key is taken, by path and by ?key=', async () => {
    const { ada } = users;
    // Updated by one way, deleted by the other; all there at once, so that none is taken for another.
    const ways = (index, key) => (index % 2 ? [byPath(key), byQuery(key)] : [byQuery(key), byPath(key)]);
    for (const [index, key] of KEYS.entries()) {
        const post = await create(key, index, ada.auth);
        if (accepted(post, 201, `POST ${key}`)) item(post, key, index, `POST ${key}`);
        const [way] = ways(index, key);
        accepted(await send('PUT', way, { auth: ada.auth, body: { value: [index, key] } }), 200, `PUT ${way}`, SAYS.updated);
    }
    for (const [index, key] of KEYS.entries()) {
        for (const path of ways(index, key)) {
            const get = await send('GET', path, { auth: ada.auth });
            if (accepted(get, 200, `GET ${path}`)) item(get, key, [index, key], `GET ${path}`);
        }
    }
    for (const [index, key] of KEYS.entries()) {
        const [, way] = ways(index, key);
        accepted(await send('DELETE', way, { auth: ada.auth }), 200, `DELETE ${way}`, SAYS.deleted);
    }
});

test('a key may have every byte percent-encoded, in either case, and stand among other parameters', async () => {
    const { ada } = users;
    const key = newKey('\u00e9 x');
    accepted(await create(key, 1, ada.auth), 201, 'POST');
    const upper = [...Buffer.from(key)].map((byte) => `%${byte.toString(16).padStart(2, '0').toUpperCase()}`).join('');
    for (const path of [`/data/${upper}`, `/data/${upper.toLowerCase()}`, `/data?key=${upper}`, `/data?key=${upper.toLowerCase()}`, `/data?if_none_match=1&key=${upper}`, `/data?key=${upper}&if_none_match=1`]) {
        const get = await send('GET', path, { auth: ada.auth });
        if (accepted(get, 200, `GET ${path}`)) same(get.json.data.key, key, `GET ${path}: key`);
    }
    const deep = `${newKey()}/x`;
    accepted(await create(deep, 1, ada.auth), 201, 'POST');
    accepted(await send('GET', `/data?key=${deep}`, { auth: ada.auth }), 200, 'GET by ?key= with a bare slash');
    accepted(await send('GET', `/data?key=${deep.replace('/', '%2f')}`, { auth: ada.auth }), 200, 'GET by ?key= with %2f');
});

test('keys of 1 and of 512 bytes are taken', async () => {
    const { ada } = users;
    for (const key of ['~', 'k'.repeat(512), `${'\u6f22'.repeat(170)}ab`, `${'abcdefg/'.repeat(63)}abcdefgh`]) {
        const what = `${Buffer.byteLength(key)} bytes, ${[...key].length} characters`;
        accepted(await create(key, 1, ada.auth), 201, `POST ${what}`);
        accepted(await read(key, ada.auth), 200, `GET by path ${what}`);
        accepted(await send('PUT', byQuery(key), { auth: ada.auth, body: { value: 2 } }), 200, `PUT by ?key= ${what}`);
        accepted(await send('DELETE', byPath(key), { auth: ada.auth }), 200, `DELETE by path ${what}`);
    }
});

test('a bad key: 400 INVALID_KEY', async () => {
    const { ada } = users;
    for (const [what, key] of [
        ...BAD_STRINGS,
        ['empty', ''],
        ['of 513 bytes', 'k'.repeat(513)],
        ['of 171 characters in 513 bytes', '\u6f22'.repeat(171)],
        ['with a line feed', 'a\nb'],
        ['with a tab', 'a\tb'],
        ['with U+0001', 'a\u0001b'],
        ['with U+001F', 'a\u001fb'],
        ['with U+007F', 'a\u007fb'],
        ['with U+007F at the end', 'ab\u007f'],
        ['with an empty first segment', '/a'],
        ['with an empty last segment', 'a/'],
        ['with an empty segment', 'a//b'],
        ['of a slash', '/'],
        ['of a dot', '.'],
        ['of two dots', '..'],
        ['with a dot first', './a'],
        ['with a dot segment', 'a/./b'],
        ['with a dot last', 'a/.'],
        ['with two dots first', '../a'],
        ['with a two-dot segment', 'a/../b'],
        ['with two dots last', 'a/..'],
    ]) {
        refused(await create(key, 1, ada.auth), 400, 'INVALID_KEY', `key ${what}`);
    }
});

test('no bad key reaches an item by ?key= either', async () => {
    const { ada } = users;
    accepted(await create('a/b', 1, ada.auth), 201, 'POST a/b');
    for (const key of ['a%2F%2Fb', '%2Fa%2Fb', 'a%2Fb%2F', 'a%2F.%2Fb', 'a%2Fx%2F..%2Fb', 'a%2Fb%00', 'a%2Fb%0A', '%FF', '%C0%AF', 'k'.repeat(513)]) {
        for (const [method, body] of [['GET'], ['PUT', { value: 2 }], ['DELETE']]) {
            const answer = await send(method, `/data?key=${key}`, { auth: ada.auth, body, own: true });
            ok(answer.status === 404 || answer.status === 400, `${method} ?key=${key.slice(0, 30)}: ${answer.status}`);
        }
    }
    same(valueText(await read('a/b', ada.auth)), '1', 'a/b after it');
    accepted(await send('DELETE', byPath('a/b'), { auth: ada.auth }), 200, 'DELETE a/b');
});

const VALUES = [
    '9007199254740993',
    '-9007199254740993',
    '18446744073709551616',
    '123456789012345678901234567890123456789012345678901234567890',
    '1.0',
    '100.00',
    '-0',
    '-0.0',
    '0.1000000000000000055511151231257827',
    '1e400',
    '-1E+400',
    '1e-400',
    '1E5',
    '0',
    'true',
    'false',
    '""',
    '" "',
    '[]',
    '{}',
    '[null]',
    '{"a":null}',
    '[[],{},[[]],""]',
    '{"z":1,"a":2,"m":3,"10":4,"9":5,"":6}',
    '{"b":{"y":1,"x":[1.0,1e400,{"d":1,"c":2}]},"a":0}',
    '"\u043a\u043b\u044e\u0447 \u9375 \u{1F511}"',
    '"a b\u007fc\u2028d"',
    '[1,1.0,1.00,1e0,10e-1]',
    '{"a":1,"a":2}',
];

test('what was stored comes back as the same JSON, from POST and from PUT', async () => {
    const { ada } = users;
    for (const text of VALUES) {
        const key = newKey();
        const post = await send('POST', '/data', { auth: ada.auth, body: `{"key":"${key}","value":${text}}` });
        if (!accepted(post, 201, `POST ${text}`)) continue;
        same(valueText(post), text, `answer to POST ${text}`);
        same(valueText(await read(key, ada.auth)), text, `GET after POST ${text}`);
    }
    const all = `[${VALUES.join(',')}]`;
    const key = newKey();
    accepted(await create(key, 1, ada.auth), 201, 'an item');
    accepted(await send('PUT', byPath(key), { auth: ada.auth, body: `{"value":${all}}` }), 200, 'PUT of all');
    same(valueText(await read(key, ada.auth)), all, 'GET after PUT');
});

test('escapes and blanks in a value change nothing of what it says', async () => {
    const { ada } = users;
    for (const text of ['"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f"', '"\\u00e9\\ud83d\\udd11\\u2028"', ' { "b" : [ 1 , 2 ] ,\n\t"a b" : " x  y " } ', '{"\\u0061\\"b":1}']) {
        const key = newKey();
        accepted(await send('POST', '/data', { auth: ada.auth, body: `{"key":"${key}","value":${text}}` }), 201, `POST ${text}`);
        same(JSON.stringify((await read(key, ada.auth)).json.data.value), JSON.stringify(JSON.parse(text)), `GET after POST ${text}`);
    }
});

test('a missing value or null: 400 INVALID_VALUE', async () => {
    const { ada } = users;
    const key = newKey();
    refused(await send('POST', '/data', { auth: ada.auth, body: { key } }), 400, 'INVALID_VALUE', 'POST without a value');
    refused(await create(key, null, ada.auth), 400, 'INVALID_VALUE', 'POST of null');
    refused(await read(key, ada.auth), 404, 'KEY_NOT_FOUND', 'the item after it');
    accepted(await create(key, 1, ada.auth), 201, 'an item');
    for (const path of [byPath(key), byQuery(key)]) {
        refused(await send('PUT', path, { auth: ada.auth, body: { data: 2 } }), 400, 'INVALID_VALUE', 'PUT without a value');
        refused(await send('PUT', path, { auth: ada.auth, body: { value: null } }), 400, 'INVALID_VALUE', 'PUT of null');
    }
    same((await read(key, ada.auth)).json.data.value, 1, 'value after it');
});

test('a value of 256 KiB is taken, one byte more is 413 VALUE_TOO_LARGE', async () => {
    const { ada } = users;
    const key = newKey();
    const limit = 256 * 1024;
    // An array: its text and its content cannot be mistaken for one another. Two bytes a character.
    const text = (size) => {
        const start = `[${size % 2 ? '10' : '1'},"`;
        return `${start}${'\u00e9'.repeat((size - start.length - 2) / 2)}"]`;
    };
    same(Buffer.byteLength(text(limit)), limit, 'bytes of the value sent');
    same(Buffer.byteLength(text(limit + 1)), limit + 1, 'bytes of the larger value sent');
    refused(await send('POST', '/data', { auth: ada.auth, body: `{"key":"${key}","value":${text(limit + 1)}}` }), 413, 'VALUE_TOO_LARGE', 'POST of one byte more');
    refused(await read(key, ada.auth), 404, 'KEY_NOT_FOUND', 'the item after it');
    accepted(await send('POST', '/data', { auth: ada.auth, body: `{"key":"${key}","value":${text(limit)}}` }), 201, 'POST of the limit');
    ok(valueText(await read(key, ada.auth)) === text(limit), 'the largest value did not come back');
    refused(await override('PUT', byPath(key), { auth: ada.auth, body: `{"value":${text(limit + 1)}}` }), 413, 'VALUE_TOO_LARGE', 'PUT of one byte more');
    ok(valueText(await read(key, ada.auth)) === text(limit), 'a refused PUT changed the value');
    accepted(await override('PUT', byPath(key), { auth: ada.auth, body: `{"value":${text(limit)}}` }), 200, 'PUT of the limit');
    if (!busybox) accepted(await send('PUT', byPath(key), { auth: ada.auth, body: `{"value":${text(limit)}}` }), 200, 'PUT of the limit as PUT');
    accepted(await send('DELETE', byPath(key), { auth: ada.auth }), 200, 'DELETE');
});

test('one key stored at the same instant is stored once', async () => {
    const { ada } = users;
    const key = newKey();
    const answers = await together([1, 2, 3, 4].map((value) => ({ key, value })), '/data', { auth: ada.auth });
    same(answers.filter((answer) => answer.status === 201).length, 1, 'winners');
    for (const answer of answers) if (answer.status !== 201) refused(answer, 400, 'KEY_EXISTS', 'a loser');
    const winner = answers.find((answer) => answer.status === 201);
    if (winner) same((await read(key, ada.auth)).json.data.value, winner.json.data.value, 'value after it');
});

test("one user never sees or blocks another's keys", async () => {
    const { ada, bob } = users;
    const key = newKey();
    accepted(await create(key, 'of ada', ada.auth), 201, 'the first user stores');
    for (const path of [byPath(key), byQuery(key)]) {
        refused(await send('GET', path, { auth: bob.auth }), 404, 'KEY_NOT_FOUND', 'the second reads');
        same((await send('HEAD', path, { auth: bob.auth })).status, 404, 'the second asks for the head');
        refused(await send('PUT', path, { auth: bob.auth, body: { value: 'of bob' } }), 404, 'KEY_NOT_FOUND', 'the second updates');
        refused(await send('DELETE', path, { auth: bob.auth }), 404, 'KEY_NOT_FOUND', 'the second deletes');
    }
    accepted(await create(key, 'of bob', bob.auth), 201, 'the second stores');
    same((await read(key, ada.auth)).json.data.value, 'of ada', 'what the first reads');
    same((await read(key, bob.auth)).json.data.value, 'of bob', 'what the second reads');
    accepted(await send('DELETE', byPath(key), { auth: ada.auth }), 200, 'the first deletes');
    refused(await read(key, ada.auth), 404, 'KEY_NOT_FOUND', 'the first reads after it');
    same((await read(key, bob.auth)).json.data.value, 'of bob', 'what the second reads after it');
});
