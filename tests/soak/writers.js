// writers.js - many writers at once through several web servers, with an exact account of what was
// acknowledged, and a check that just that is there afterwards.
//
//   node writers.js BASES TOKENS WRITERS WRITES
//
// BASES are addresses of the API, separated by commas; TOKENS is a file of access tokens, one a line, of
// users who have nothing stored yet. Writer N works for user N modulo their number; the writers of a user
// take turns with the addresses. Each does WRITES writes that are acknowledged: it creates, updates and
// deletes keys of its own, alone and in batches, counts with all others of the user in one key, and tries to
// be the first to update another one by If-Match.
//
// WRITES `-`: the store may fail meanwhile, which is 503; then it is not known whether the write was done.
// The writers go on until standard input says `stop`. After a line `mark NAME` it prints how long it took
// until a write that began after that was acknowledged.
//
// Any other answer than the contract's is a fault, and so is one that takes longer than LONGEST milliseconds
// (30000). At the end everything is read through each address, and a
// follower of each user's changes, who was there all the time, must know the same. Prints a line about it all;
// the exit status is 0 only without faults.
'use strict';

const fs = require('node:fs');
const http = require('node:http');
const readline = require('node:readline');

const bases = process.argv[2].split(',');
const tokens = fs.readFileSync(process.argv[3], 'utf8').trim().split('\n');
const writers = Number(process.argv[4]);
const mayFail = process.argv[5] === '-';
const writes = mayFail ? Infinity : Number(process.argv[5]);
const TIMEOUT = 200000; // milliseconds: longer than the servers wait for each other
const LONGEST = Number(process.env.LONGEST ?? 30000); // an answer that takes longer is a fault

let stopped = false;
let faults = 0;
let unavailable = 0;
let lost = 0; // conditional updates that another one won
let longest = 0; // milliseconds until an answer
let mark = null;

const fault = (what) => {
    faults++;
    if (faults <= 20) console.error(what);
};
const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

// --- One request ---

const agents = new Map();
function agentOf(base, name) {
    const id = `${base} ${name}`;
    if (!agents.has(id)) agents.set(id, new http.Agent({ keepAlive: true, maxSockets: 1 }));
    return agents.get(id);
}

// The answer as {status, headers, json}; json is null when it is none of the contract's.
async function ask(base, name, user, method, path, sent, headers = {}) {
    const begun = performance.now();
    const answer = await exchange(base, name, user, method, path, sent, headers);
    const took = performance.now() - begun;
    longest = Math.max(longest, took);
    if (took > LONGEST) fault(`${method} ${path}: answered after ${(took / 1000).toFixed(1)} s`);
    return answer;
}

function exchange(base, name, user, method, path, sent, headers) {
    return new Promise((resolve) => {
        const body = sent === undefined ? '' : JSON.stringify(sent);
        const request = http.request(base + path, {
            method, agent: agentOf(base, name), timeout: TIMEOUT,
            headers: { Authorization: `Bearer ${user.token}`, 'Content-Length': Buffer.byteLength(body), ...headers },
        }, (response) => {
            const pieces = [];
            response.on('data', (piece) => pieces.push(piece));
            response.on('end', () => {
                const text = Buffer.concat(pieces).toString();
                let json = null;
                try { json = JSON.parse(text); } catch { /* told below */ }
                resolve({ status: response.statusCode, headers: response.headers, json, text });
            });
            response.on('error', (error) => resolve({ status: 0, text: error.message }));
        });
        request.on('timeout', () => request.destroy(new Error('no answer')));
        request.on('error', (error) => resolve({ status: 0, text: error.message }));
        request.end(body);
    });
}

const isUnavailable = (answer) => mayFail && answer.status === 503 && answer.json !== null &&
    answer.json.status === 'error' && answer.json.code === 'SERVICE_UNAVAILABLE' && answer.headers['retry-after'] > 0;

// Asks until the store is there: for reads.
async function read(base, name, user, path) {
    for (;;) {
        const answer = await ask(base, name, user, 'GET', path);
        if (answer.status === 200 && answer.json !== null) return answer.json.data;
        if (!isUnavailable(answer)) {
            fault(`GET ${path}: ${answer.status} ${answer.text}`);
            return null;
        }
        await pause(100);
    }
}

// --- What is known of a user's items ---

// For each key the value and version that were acknowledged last (value undefined: deleted), and what may have
// been done since, of writes that ended with 503.
const users = tokens.map((token) => ({
    token, keys: new Map(), versions: new Map(), won: [], counted: 0, maybeCounted: 0, maybeWrites: 0,
}));

function acknowledge(user, key, version, value) {
    if (!Number.isInteger(version) || user.versions.has(version)) fault(`${key}: version ${version}, which ${user.versions.get(version)} has`);
    user.versions.set(version, key);
    const known = user.keys.get(key);
    if (known === undefined || version > known.version) user.keys.set(key, { version, value, maybe: [] });
}

function doubt(user, key, value) {
    const known = user.keys.get(key) || { version: 0, value: undefined, maybe: [] };
    known.maybe.push(value);
    user.keys.set(key, known);
}

// --- Writers ---

function noteSuccess(begun) {
    if (mark !== null && begun >= mark.at) {
        console.log(`${mark.name}: the first new success after ${((performance.now() - mark.at) / 1000).toFixed(1)} s`);
        mark = null;
    }
}

class Writer {
    constructor(number) {
        this.number = number;
        this.user = users[number % users.length];
        this.base = bases[Math.floor(number / users.length) % bases.length];
        this.random = number * 7919 + 1;
        this.own = []; // keys that are there for all that is known
        this.next = 0;
        this.done = 0;
    }

    draw(below) {
        this.random = (this.random * 1103515245 + 12345) % 2147483648;
        return Math.floor(this.random / 65536) % below;
    }

    // The answer, or null when it is not known whether the write was done, or it was refused: one of REFUSALS,
    // codes that show a write before to have been done, or another writer to have been first.
    async write(method, path, sent, wanted, headers, refusals = []) {
        const begun = performance.now();
        const answer = await ask(this.base, this.number, this.user, method, path, sent, headers);
        if (answer.status === wanted && answer.json !== null && answer.json.status === 'success') {
            noteSuccess(begun);
            this.done++;
            return { data: answer.json.data };
        }
        if (isUnavailable(answer)) {
            unavailable++;
            this.user.maybeWrites++;
            await pause(50);
            return { unknown: true };
        }
        if (answer.json !== null && refusals.includes(answer.json.code)) return { refused: answer.json.code };
        fault(`${method} ${path}: wanted ${wanted}, got ${answer.status} ${answer.text}`);
        this.done++;
        return { refused: 'fault' };
    }

    async create() {
        const key = `w${this.number}/${++this.next}`;
        const value = { n: this.next, by: this.number };
        const { data, unknown } = await this.write('POST', '/data', { key, value }, 201);
        if (data) {
            acknowledge(this.user, key, data.version, value);
            this.own.push(key);
        } else if (unknown) doubt(this.user, key, value);
    }

    async update(key) {
        const value = { n: ++this.next, by: this.number, text: 'x'.repeat(this.draw(40)) };
        const { data, unknown } = await this.write('PUT', `/data/${key}`, { value }, 200);
        if (data) acknowledge(this.user, key, data.version, value);
        else if (unknown) doubt(this.user, key, value);
    }

    async remove(at) {
        const [key] = this.own.splice(at, 1);
        const { data, unknown } = await this.write('DELETE', `/data/${key}`, undefined, 200);
        if (data) acknowledge(this.user, key, data.version, undefined);
        else if (unknown) doubt(this.user, key, undefined);
    }

    async count() {
        const { data, unknown } = await this.write('POST', '/data/count?increment=1', undefined, 200);
        if (data) {
            this.user.counted++;
            acknowledge(this.user, 'count', data.version, data.value);
        } else if (unknown) this.user.maybeCounted++;
    }

    async batch() {
        const key = `w${this.number}/${++this.next}`;
        const operations = [{ op: 'create', key, value: this.next }, { op: 'increment', key: 'count', by: 2 }];
        const { data, unknown } = await this.write('POST', '/batch', { operations }, 200);
        if (data) {
            acknowledge(this.user, key, data.results[0].version, operations[0].value);
            acknowledge(this.user, 'count', data.results[1].version, data.results[1].value);
            this.user.counted += 2;
            this.own.push(key);
        } else if (unknown) {
            doubt(this.user, key, operations[0].value);
            this.user.maybeCounted += 2;
        }
    }

    // Of those who have read the same version exactly one may win.
    async contend() {
        const item = await read(this.base, this.number, this.user, '/data/contested');
        if (item === null) return;
        const value = { by: this.number, n: ++this.next };
        const { data, unknown, refused } = await this.write('PUT', '/data/contested', { value }, 200,
            { 'If-Match': `"${item.version}"` }, ['PRECONDITION_FAILED']);
        if (data) {
            this.user.won.push({ from: item.version, to: data.version, value });
            acknowledge(this.user, 'contested', data.version, value);
        } else if (unknown) doubt(this.user, 'contested', value);
        else if (refused === 'PRECONDITION_FAILED') lost++;
    }

    async step() {
        const what = this.draw(100);
        if (what < 15) return this.count();
        if (what < 30) return this.contend();
        if (what < 40) return this.batch();
        if (what < 60 && this.own.length > 0) return this.update(this.own[this.draw(this.own.length)]);
        if (what < 70 && this.own.length > 0) return this.remove(this.draw(this.own.length));
        return this.create();
    }

    async run() {
        while (this.done < writes && !stopped) await this.step();
    }
}

// --- Who follows the changes meanwhile ---

class Follower {
    constructor(number) {
        this.user = users[number];
        this.base = bases[number % bases.length];
        this.name = `follower ${number}`;
        this.since = 0;
        this.seen = new Map();
        this.count = 0;
    }

    async turn() {
        const data = await read(this.base, this.name, this.user, `/changes?since=${this.since}&limit=1000&values=false&wait=1`);
        if (data === null) return 0;
        for (const change of data.changes) {
            if (change.version <= this.since) fault(`changes: version ${change.version} after ${this.since}`);
            this.since = change.version;
            this.seen.set(change.key, { version: change.version, deleted: change.deleted === true });
        }
        this.count += data.changes.length;
        return data.changes.length;
    }

    async run() {
        let ended = false;
        for (;;) {
            const got = await this.turn();
            if (got === 0 && ended) return;
            ended = finished;
        }
    }
}
let finished = false;

// --- What is there in the end ---

async function list(base, user) {
    const items = new Map();
    let query = 'limit=1000&values=true';
    for (;;) {
        const data = await read(base, 'list', user, `/data?${query}`);
        if (data === null) return items;
        for (const item of data.items) {
            if (items.has(item.key)) fault(`list: ${item.key} twice`);
            items.set(item.key, item);
        }
        if (data.next_cursor === undefined) return items;
        query = `limit=1000&values=true&cursor=${encodeURIComponent(data.next_cursor)}`;
    }
}

const text = (value) => (value === undefined ? 'nothing' : JSON.stringify(value));

function checkItems(user, items) {
    for (const [key, known] of user.keys) {
        const item = items.get(key);
        const value = item === undefined ? undefined : item.value;
        const fits = key === 'count' || [known.value, ...known.maybe].some((one) => text(one) === text(value));
        const sameVersion = item === undefined || item.version === known.version || (item.version > known.version && mayFail);
        if (!fits || !sameVersion) fault(`${key}: ${text(value)} of version ${item && item.version}, acknowledged was ${text(known.value)} of ${known.version}`);
    }
    for (const key of items.keys()) if (!user.keys.has(key)) fault(`${key} was never written`);
    const counted = items.has('count') ? items.get('count').value : 0;
    if (counted < user.counted || counted > user.counted + user.maybeCounted) fault(`counted ${counted}, acknowledged were ${user.counted} and perhaps ${user.maybeCounted}`);
}

// Each winner started from what the one before had left; with writes of which nobody knows, from a later one.
function checkWinners(user) {
    const won = user.won.sort((a, b) => a.to - b.to);
    for (let i = 1; i < won.length; i++) {
        const good = mayFail ? won[i].from >= won[i - 1].to : won[i].from === won[i - 1].to;
        if (!good) fault(`contested: ${won[i].to} came from ${won[i].from}, but before it was ${won[i - 1].to}`);
    }
}

async function checkUse(base, user, items) {
    const me = await read(base, 'list', user, '/me');
    const bytes = [...items.values()].reduce((sum, item) => sum + item.size, 0);
    if (me !== null && (me.usage.keys !== items.size || me.usage.bytes !== bytes)) {
        fault(`use: ${text(me.usage)}, recounted ${items.size} keys, ${bytes} bytes`);
    }
}

function checkFeed(user, items, seen, whose) {
    for (const [key, item] of items) {
        const change = seen.get(key);
        if (change === undefined || change.deleted || change.version !== item.version) fault(`${whose}: ${key} of version ${item.version} is ${text(change)}`);
    }
    for (const [key, change] of seen) if (!change.deleted && !items.has(key)) fault(`${whose}: ${key} is not there`);
    for (const [version, key] of user.versions) {
        const change = seen.get(key);
        // A key that came and went between two looks is not missed by who never saw it, but its deletion is told.
        if (change === undefined || change.version < version) fault(`${whose}: version ${version} of ${key} is missing, there is ${text(change)}`);
    }
}

async function checkUser(user, follower) {
    for (const base of bases) {
        const items = await list(base, user);
        checkItems(user, items);
        await checkUse(base, user, items);
        const late = new Follower(users.indexOf(user));
        late.base = base;
        while (await late.turn() > 0);
        checkFeed(user, items, late.seen, 'changes from the start');
        checkFeed(user, items, follower.seen, 'changes followed');
        if (late.since !== follower.since) fault(`the last version is ${late.since}, followed until ${follower.since}`);
        if (late.since < user.versions.size || late.since > user.versions.size + 2 * user.maybeWrites) {
            fault(`the last version is ${late.since}, acknowledged were ${user.versions.size}, and perhaps ${user.maybeWrites} more`);
        }
    }
    checkWinners(user);
}

// --- All of it ---

function obey() {
    readline.createInterface({ input: process.stdin }).on('line', (line) => {
        const [word, ...rest] = line.split(' ');
        if (word === 'mark') mark = { name: rest.join(' '), at: performance.now() };
        if (word === 'stop') stopped = true;
    }).on('close', () => { stopped = true; });
}

async function prepare(user) {
    for (const [key, value] of [['contested', { by: -1 }], ['count', 0]]) {
        const answer = await ask(bases[0], 'first', user, 'POST', '/data', { key, value });
        if (answer.status !== 201) fault(`POST ${key}: ${answer.status} ${answer.text}`);
        else acknowledge(user, key, answer.json.data.version, value);
    }
    user.won.push({ from: 0, to: user.keys.get('contested').version });
}

async function main() {
    for (const user of users) await prepare(user);
    if (mayFail) obey();
    const begun = performance.now();
    const followers = users.map((user, number) => new Follower(number));
    const following = followers.map((follower) => follower.run());
    await Promise.all(Array.from({ length: writers }, (_, number) => new Writer(number).run()));
    const seconds = (performance.now() - begun) / 1000;
    finished = true;
    await Promise.all(following);
    for (const [number, user] of users.entries()) await checkUser(user, followers[number]);
    const acknowledged = users.reduce((sum, user) => sum + user.versions.size, 0);
    const contested = users.reduce((sum, user) => sum + user.won.length - 1, 0);
    console.log(`${acknowledged} versions acknowledged, ${unavailable} answers 503, of updates by If-Match ${contested} won and ${lost} lost, ` +
        `${followers.reduce((sum, follower) => sum + follower.count, 0)} changes followed, ` +
        `the longest answer after ${(longest / 1000).toFixed(1)} s, ${faults} faults, ${seconds.toFixed(1)} s`);
    process.exit(faults === 0 && acknowledged > 0 ? 0 : 1);
}
main();
