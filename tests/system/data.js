// data.js - many clients at once against one running service, each part a claim about the data API.
//
//   BASE=... DATABASE=... WEB_SERVER=PID node data.js replica|counter|walk|wait
//
// Prints what is wrong; status 1 then. Every random choice comes from SEED, which is printed.
'use strict';

const http = require('http');
const { execFileSync } = require('child_process');

const base = process.env.BASE;
const faults = [];
const fault = (text) => faults.push(String(text).slice(0, 400));
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// A small generator (xorshift), so that a run can be repeated.
let seed = Number(process.env.SEED || Date.now() % 1000000007) | 1;
process.stdout.write(`# SEED=${seed}\n`);
const random = (below) => {
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    return Math.abs(seed) % below;
};
const pick = (list) => list[random(list.length)];

function ask(method, path, body, headers = {}) {
    return new Promise((resolve, reject) => {
        const all = ask.token ? { Authorization: ask.token, ...headers } : { ...headers };
        let verb = method;
        if (body !== undefined) {
            all['Content-Length'] = Buffer.byteLength(body);
            if (method !== 'POST') all['X-HTTP-Method-Override'] = method;
            verb = 'POST';
        }
        const request = http.request(`${base}${path}`, { method: verb, headers: all, agent: false }, (answer) => {
            const pieces = [];
            answer.on('data', (piece) => pieces.push(piece));
            answer.on('end', () => {
                try {
                    const text = Buffer.concat(pieces).toString();
                    resolve({ ...(text === '' ? {} : JSON.parse(text)), status: answer.statusCode });
                } catch (error) {
                    reject(error);
                }
            });
        });
        request.setTimeout(250000, () => request.destroy(new Error(`${method} ${path}: no answer`)));
        request.on('error', reject);
        request.end(body);
    });
}

async function newUser() {
    const username = `u${process.pid}x${Date.now()}`;
    const password = 'Abcdef1!';
    const person = { username, password, email: `${username}@example.org`, full_name: 'N', age: 30, gender: 'x' };
    const made = await ask('POST', '/register', JSON.stringify(person));
    ask.token = (await ask('POST', '/token', JSON.stringify({ username, password }))).token;
    return made.data.user_id;
}

const sql = (text) =>
    execFileSync('sqlite3', ['-cmd', '.timeout 100000', process.env.DATABASE, text], { encoding: 'utf8' }).trim();

async function listAll(prefix, limit = 1000, values = true) {
    const items = new Map();
    let cursor = '';
    do {
        const page = await ask('GET', `/data?values=${values}&limit=${limit}&prefix=${encodeURIComponent(prefix)}${cursor}`);
        if (page.status !== 200) throw new Error(`list: ${JSON.stringify(page)}`);
        for (const item of page.data.items) items.set(item.key, item);
        cursor = page.data.next_cursor ? `&cursor=${page.data.next_cursor}` : '';
    } while (cursor);
    return items;
}

// --- a copy that follows the changes stays true, whatever happens -------------------------------------

const AHEAD = Number.MAX_SAFE_INTEGER; // no store is there yet: answered with the place to start from

class Replica {
    constructor(prefix) {
        this.prefix = prefix;
        this.state = { since: 0, store: null, items: {} };
        this.reread = 0;
        this.moved = 0;
    }

    async readAnew() {
        this.reread++;
        const place = (await ask('GET', `/changes?since=${AHEAD}`)).data;
        const items = await listAll(this.prefix, 1 + random(20));
        this.state = { since: place.last_version, store: place.store_id, items: {} };
        for (const [key, item] of items) this.state.items[key] = [item.version, JSON.stringify(item.value)];
    }

    // One request; true when there was nothing new.
    async step(wait) {
        const { state } = this;
        const page = await ask('GET', `/changes?since=${state.since}&limit=${1 + random(7)}&wait=${wait}&prefix=${encodeURIComponent(this.prefix)}`);
        if (page.status === 410 || (page.status === 200 && state.store !== null && page.data.store_id !== state.store)) {
            if (page.status === 200) this.moved++;
            await this.readAnew();
            return false;
        }
        if (page.status !== 200) throw new Error(`changes: ${JSON.stringify(page)}`);
        let before = state.since;
        for (const change of page.data.changes) {
            if (change.version <= before) fault(`version ${change.version} after ${before}`);
            if (!change.key.startsWith(this.prefix)) fault(`${change.key} is not below ${this.prefix}`);
            before = change.version;
            if (change.deleted) delete state.items[change.key];
            else state.items[change.key] = [change.version, JSON.stringify(change.value)];
        }
        if (page.data.last_version < before) fault(`last_version ${page.data.last_version} before ${before}`);
        state.since = page.data.last_version;
        state.store = page.data.store_id;
        return page.data.changes.length === 0 && !page.data.more;
    }

    async follow(going) {
        while (going()) {
            await this.step(random(2));
            if (random(6) === 0) this.state = JSON.parse(JSON.stringify(this.state)); // stopped, and started again
            if (random(12) === 0) await sleep(random(1500)); // away for a while: deletions get forgotten
        }
    }
}

async function write(count, versions) {
    const name = () => `${pick(['a', 'b', 'c'])}/${random(25)}`;
    for (let i = 0; i < count; i++) {
        const key = name();
        const at = `/data?key=${encodeURIComponent(key)}`;
        const value = JSON.stringify({ value: { n: random(1000), by: i }, ...(random(4) === 0 ? { ttl: 1 + random(2) } : {}) });
        const one = await [
            () => ask('POST', '/data', JSON.stringify({ key, ...JSON.parse(value) })),
            () => ask('PUT', `${at}&upsert=true`, value),
            () => ask('PUT', at, value),
            () => ask('PATCH', at, `{"patched":${i}}`, { 'Content-Type': 'application/merge-patch+json' }),
            () => ask('DELETE', at),
            () => ask('DELETE', at),
            () => ask('DELETE', `/data?prefix=${encodeURIComponent(`${pick(['a', 'b', 'c'])}/${random(3)}`)}`),
            () => ask('POST', '/batch', JSON.stringify({ operations: [{ op: 'upsert', key, value: i }, { op: 'increment', key: 'c/count' }, { op: 'delete', key }, { op: 'upsert', key: name(), value: 'x', ttl: 1 }] })),
        ][random(8)]();
        if (one.status >= 500) fault(`a write: ${JSON.stringify(one)}`);
        if (one.status >= 300) continue;
        for (const { version } of one.data.results ?? [one.data]) {
            if (version === undefined) continue;
            if (versions.has(version)) fault(`version ${version} was given twice`);
            versions.add(version);
        }
    }
}

async function replica() {
    await newUser();
    const replicas = ['', 'a/', 'b/', 'c/1', ''].map((prefix) => new Replica(prefix));
    let writing = true;
    const versions = new Set();
    // One is away for all of the second half: more deletions than are kept pass it by.
    const late = new Replica('');
    const followers = replicas.map((one) => one.follow(() => writing));
    await Promise.all(Array.from({ length: 8 }, () => write(30, versions)));
    await late.step(0);
    sql("UPDATE meta SET value = lower(hex(randomblob(16))) WHERE name = 'store_id'"); // as a restore does
    await Promise.all(Array.from({ length: 8 }, () => write(20, versions)));
    writing = false;
    await Promise.all(followers);
    await sleep(2500); // what expires has expired
    for (const one of [...replicas, late]) {
        for (let quiet = 0; quiet < 2; ) quiet = (await one.step(0)) ? quiet + 1 : 0;
        const truth = {};
        for (const [key, item] of await listAll(one.prefix)) truth[key] = [item.version, JSON.stringify(item.value)];
        const sorted = (items) => JSON.stringify(Object.entries(items).sort());
        if (sorted(truth) !== sorted(one.state.items)) fault(`below "${one.prefix}" is ${sorted(truth)}, the copy has ${sorted(one.state.items)}`);
        if (one.moved !== 1 && one.reread === 0) fault(`below "${one.prefix}" nobody noticed that the store changed`);
    }
    if (late.reread <= late.moved) fault('no deletion was forgotten: the test is too easy');
    process.stdout.write(`# ${versions.size} writes, read anew ${replicas.map((one) => one.reread)}\n`);
}

// --- 16 clients that read, and write on condition that nothing has changed ------------------------------

async function counter() {
    await newUser();
    await ask('POST', '/data', '{"key":"n","value":0}');
    let good = 0;
    let unmet = 0;
    await Promise.all(Array.from({ length: 16 }, async () => {
        for (let i = 0; i < 15; i++) {
            const { data } = await ask('GET', '/data/n');
            const answer = await ask('PUT', '/data/n', `{"value":${data.value + 1}}`, { 'If-Match': `"${data.version}"` });
            if (answer.status === 200) good++;
            else if (answer.status === 412) unmet++;
            else fault(`PUT: ${JSON.stringify(answer)}`);
        }
    }));
    const { data } = await ask('GET', '/data/n');
    if (data.value !== good) fault(`${good} writes were acknowledged, the counter is ${data.value}`);
    if (data.version !== good + 1) fault(`version ${data.version} after ${good + 1} writes`);
    if (unmet === 0) fault('no condition failed: the test is too easy');
    process.stdout.write(`# ${good} written, ${unmet} refused\n`);
}

// --- 100,000 keys walked while others come and go ---------------------------------------------------------

async function walk() {
    const user = await newUser();
    const count = 100000;
    const letters = "(CASE i % 5 WHEN 0 THEN 'a' WHEN 1 THEN 'ж' WHEN 2 THEN '中' WHEN 3 THEN '😀' ELSE 'Z/z' END)";
    sql(`BEGIN IMMEDIATE; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
         INSERT INTO items SELECT ${user}, ${letters} || printf('%06d', (i * 7919) % ${count}), i, 1, 1, 1, NULL, '1' FROM n;
         UPDATE users SET version = ${count}, keys = ${count}, bytes = ${count} WHERE id = ${user}; COMMIT;`);
    let walking = true;
    const others = (async () => {
        for (let i = 0; walking; i++) {
            const key = () => `${pick(['a', 'ж', '中', '😀', 'Z/z'])}${String(random(count)).padStart(6, '0')}-other`;
            await ask('POST', '/batch', JSON.stringify({ operations: Array.from({ length: 20 }, () => ({ op: 'upsert', key: key(), value: i })) }));
            await ask('DELETE', `/data?prefix=${encodeURIComponent(pick(['a', 'ж', '中', '😀', 'Z/z']) + String(random(1000)).padStart(3, '0'))}-none`);
        }
    })();
    let last = Buffer.alloc(0);
    let seen = 0;
    let cursor = '';
    const times = [];
    do {
        const start = process.hrtime.bigint();
        const page = await ask('GET', `/data?limit=1000${cursor}`);
        times.push(Number(process.hrtime.bigint() - start) / 1e6);
        for (const { key } of page.data.items) {
            const bytes = Buffer.from(key);
            if (Buffer.compare(last, bytes) >= 0) fault(`${key} after ${last}`);
            last = bytes;
            seen += key.endsWith('-other') ? 0 : 1;
        }
        cursor = page.data.next_cursor ? `&cursor=${page.data.next_cursor}` : '';
    } while (cursor);
    walking = false;
    await others;
    if (seen !== count) fault(`${seen} of ${count} keys that stayed were seen`);
    const { data } = await ask('GET', '/data?limit=1&count=true&prefix=a');
    if (data.total < count / 5) fault(`count says ${data.total}`);
    const half = Math.floor(times.length / 2);
    const median = (list) => list.slice().sort((a, b) => a - b)[Math.floor(list.length / 2)];
    process.stdout.write(`# ${times.length} pages, median ${median(times.slice(0, half)).toFixed(1)} and then ${median(times.slice(half)).toFixed(1)} ms\n`);
    const gone = await ask('DELETE', `/data?prefix=${encodeURIComponent('ж')}`);
    if (gone.data.deleted < count / 5) fault(`deleting below a prefix: ${JSON.stringify(gone)}`);
}

// --- 50 who wait ---------------------------------------------------------------------------------------

// Of the waiting programs of the web server: the clock ticks that they have used so far, how often they have gone to sleep,
// and how many there are.
function used() {
    const lines = execFileSync('ps', ['-eo', 'pid=,ppid=,comm='], { encoding: 'utf8' }).split('\n');
    const processes = lines.map((line) => line.trim().split(/ +/));
    const ids = processes.filter(([, parent, name]) => parent === process.env.WEB_SERVER && name === 'changes').map(([id]) => id);
    let ticks = 0, sleeps = 0;
    for (const id of ids) {
        try {
            const fields = require('fs').readFileSync(`/proc/${id}/stat`, 'utf8').split(') ')[1].split(' ');
            ticks += Number(fields[11]) + Number(fields[12]);
            sleeps += Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(require('fs').readFileSync(`/proc/${id}/status`, 'utf8'))[1]);
        } catch {
            // It has ended in between.
        }
    }
    return { ticks, sleeps, count: ids.length, at: Date.now() };
}

async function wait() {
    await newUser();
    await ask('POST', '/data', '{"key":"first","value":0}');
    const waiting = Array.from({ length: 50 }, () => ask('GET', '/changes?since=1&wait=25'));
    for (let i = 0; i < 200 && used().count < 50; i++) await sleep(100);
    const before = used();
    if (before.count < 50) fault(`${before.count} programs wait`);
    await sleep(3000);
    const after = used();
    // Each looks ten times a second, and sleeps once or twice for a look, however much else runs. By the clock a hundredth
    // of one processor would be a tick a second, all of it 100; where much else runs a tick does less.
    const seconds = (after.at - before.at) / 1000, ticks = after.ticks - before.ticks, sleeps = after.sleeps - before.sleeps;
    if (sleeps > 20 * seconds * before.count) fault(`${sleeps} times asleep in ${seconds} s of waiting`);
    if (ticks > 50 * seconds) fault(`${ticks} ticks of ${seconds} s of waiting`);
    const start = Date.now();
    const written = await ask('POST', '/data', '{"key":"second","value":"x"}');
    if (written.status !== 201) fault(`a write while others wait: ${JSON.stringify(written)}`);
    for (const answer of await Promise.all(waiting)) {
        if (answer.data.changes?.[0]?.key !== 'second') fault(`woken with ${JSON.stringify(answer)}`);
    }
    const took = Date.now() - start;
    if (took > 15000) fault(`the last woke after ${took} ms`);
    process.stdout.write(`# ${ticks} ticks and ${sleeps} times asleep in ${seconds} s, the last answer after ${took} ms\n`);
}

({ replica, counter, walk, wait })[process.argv[2]]()
    .catch((error) => fault(error.stack))
    .then(() => {
        for (const line of faults.slice(0, 10)) process.stdout.write(`${line}\n`);
        process.exitCode = faults.length > 0 ? 1 : 0;
    });
