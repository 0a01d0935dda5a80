// patch.js - the cases of tests/http/patch.json, each as one PUT and one PATCH of the same item.
//
//   BASE=... TOKEN=... node patch.js      prints what went wrong; status 1 then
//   EVERY=5                               only each fifth of the cases
//
// A case is [kind, value, patch, outcome]: kind "merge" or "json"; the outcome is the text that the
// value must have afterwards, or {"fails": CODE}, and then the value must be as before. Values and
// outcomes are compared as texts, so numbers are seen as they are spelled; in the file they are
// strings for that reason.
'use strict';

const fs = require('fs');
const http = require('http');
const path = require('path');

const base = new URL(process.env.BASE);
const agent = new http.Agent({ keepAlive: false });

function ask(method, query, type, body) {
    return new Promise((resolve, reject) => {
        const headers = { Authorization: process.env.TOKEN };
        if (body !== undefined) {
            headers['X-HTTP-Method-Override'] = method;
            headers['Content-Type'] = type;
            headers['Content-Length'] = Buffer.byteLength(body);
        }
        const options = { agent, method: body === undefined ? method : 'POST', headers };
        const request = http.request(`${base}/data?key=patched${query}`, options, (answer) => {
            const pieces = [];
            answer.on('data', (piece) => pieces.push(piece));
            answer.on('end', () => resolve({ code: answer.statusCode, text: Buffer.concat(pieces).toString() }));
        });
        request.on('error', reject);
        request.end(body);
    });
}

const valueOf = (text) => /"value":(.*),"version":\d+,"created_at":/s.exec(text)?.[1];

async function check([kind, value, patch, outcome]) {
    const put = await ask('PUT', '&upsert=true', 'application/json', `{"value":${value}}`);
    if (put.code >= 300) return `PUT: ${put.text}`;
    const type = kind === 'merge' ? 'application/merge-patch+json' : 'application/json-patch+json';
    const patched = await ask('PATCH', '', type, patch);
    if (typeof outcome === 'string') {
        if (patched.code !== 200) return `refused: ${patched.text}`;
        return valueOf(patched.text) === outcome ? null : `is ${valueOf(patched.text)}, not ${outcome}`;
    }
    const { code } = JSON.parse(patched.text);
    const status = { PATCH_FAILED: 422, INVALID_PATCH: 400, INVALID_REQUEST: 400, VALUE_TOO_LARGE: 413 };
    if (code !== outcome.fails) return `answers ${code ?? patched.text}, not ${outcome.fails}`;
    if (patched.code !== status[code]) return `${code} has status ${patched.code}`;
    const after = valueOf((await ask('GET', '')).text);
    return after === value ? null : `refused, but is now ${after}`;
}

// Cases that are long rather than hard.
function longOnes() {
    const list = (count, make) => JSON.stringify(Array.from({ length: count }, (_, i) => make(i)));
    const deeper = (i) => ({ op: 'add', path: '/a'.repeat(i + 2), value: {} });
    const test = () => ({ op: 'test', path: '/a', value: 1 });
    const copy = (i) => ({ op: 'copy', from: '', path: `/c${i}` });
    const wide = `[${'0,'.repeat(30000)}0]`;
    return [
        ['json', '{"a":{}}', list(94, deeper), `${'{"a":'.repeat(95)}{}${'}'.repeat(95)}`],
        ['json', '{"a":{}}', list(95, deeper), { fails: 'PATCH_FAILED' }],
        ['json', '{"a":1}', list(1000, test), '{"a":1}'],
        ['json', '{"a":1}', list(1001, test), { fails: 'INVALID_PATCH' }],
        ['json', '{"a":1}', list(30, copy), { fails: 'VALUE_TOO_LARGE' }],
        ['json', `{"w":${wide},"a":1}`, '[{"op":"remove","path":"/a"}]', `{"w":${wide}}`],
        ['json', `{"w":${wide},"a":1}`, '[{"op":"remove","path":"/w/0"}]', { fails: 'PATCH_FAILED' }],
        ['merge', `{"w":${wide},"a":1}`, '{"a":2}', `{"w":${wide},"a":2}`],
        ['merge', '{"a":1}', `{"b":"${'x'.repeat(262144)}"}`, { fails: 'VALUE_TOO_LARGE' }],
        ['merge', '{"a":1}', '['.repeat(101) + ']'.repeat(101), { fails: 'INVALID_REQUEST' }],
        ['merge', '{"a":1}', '['.repeat(97) + ']'.repeat(97), { fails: 'PATCH_FAILED' }],
        ['merge', '{"a":1}', '['.repeat(96) + ']'.repeat(96), '['.repeat(96) + ']'.repeat(96)],
    ];
}

(async () => {
    const cases = JSON.parse(fs.readFileSync(path.join(__dirname, 'patch.json'))).concat(longOnes());
    const every = Number(process.env.EVERY || 1);
    let wrong = 0;
    for (const [number, one] of cases.entries()) {
        if (number % every !== 0) continue;
        const fault = await check(one);
        if (fault === null) continue;
        wrong++;
        process.stdout.write(`case ${number} ${JSON.stringify(one).slice(0, 200)}: ${fault.slice(0, 200)}\n`);
    }
    process.stdout.write(`${cases.length} cases, ${wrong} wrong\n`);
    process.exitCode = wrong > 0 || cases.length < 100 ? 1 : 0;
})();
