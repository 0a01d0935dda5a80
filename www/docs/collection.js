// collection.js - prints the Postman collection, www/cubby.postman_collection.json, from www/openapi.json and
// from flow.json beside this file, which tells in which order the calls are made, with what, and what is
// checked of the answers.
//
// Of a call, flow.json has:
//   call      the operationId: it gives method, path, whether a token goes along, and the type of the body
//   item      what stands for {key} or {id} in the path; or query.key with the key whole
//   query, headers, token     what is sent beside; a token other than the collection's, '' for none
//   with      members that replace those of the description's example of the body; or
//   body      the body; or `text`, as it stands; `type` is its type, if it is not JSON
//   method    for another method at the same path
//   answers   status and code; they must be among those that the description has
//   unknown   what of query, headers or answers is not in the description on purpose
//   says      the message of an error; that of a success comes from the description
//   before, checks   further lines of the scripts
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { calls, resolved, codesOf } = require('./openapi.js');

const flow = JSON.parse(fs.readFileSync(path.join(__dirname, 'flow.json'), 'utf8'));
const seen = new Set();

function script(listen, exec) {
    return { listen, script: { type: 'text/javascript', exec } };
}

function bearer(token) {
    return { type: 'bearer', bearer: [{ key: 'token', value: token, type: 'string' }] };
}

function fail(step, what) {
    throw new Error(`flow.json: ${step.name}: ${what}`);
}

// The description's answer of that status and code, or null where the step says that there is none.
function answerOf(step, { operation, method }) {
    const [status, code] = step.answers.split(' ');
    if ((step.unknown || []).includes(step.answers)) return null;
    if ((step.method || method) === 'OPTIONS' && status === '204') return null;
    const answer = resolved(operation.responses[status]);
    if (!answer) fail(step, `${operation.operationId} is not described to answer ${status}`);
    if (code && !codesOf(answer).includes(code)) fail(step, `${operation.operationId} is not described to answer ${step.answers}`);
    return answer;
}

function messageOf(answer) {
    const content = answer && answer.content && answer.content['application/json'];
    const schema = content ? resolved(content.schema) : {};
    const message = schema.properties && schema.properties.message;
    return message || {};
}

// The check that each answer gets: status, code, and what it says.
function checkOf(step, call) {
    const [status, code] = step.answers.split(' ');
    const answer = answerOf(step, call);
    const lines = [`pm.test(${JSON.stringify('answers ' + step.answers)}, () => {`, `    pm.response.to.have.status(${status});`];
    const bare = !code && (step.query || {}).raw === 'true' && call.method !== 'PUT' && !(call.method === 'POST' && call.path === '/data/{key}' && !step.query.increment);
    const empty = status === '304' || status === '204' || step.method === 'HEAD';
    if (!bare && !empty) {
        lines.push('    const body = pm.response.json();', `    pm.expect(body.status).to.equal(${JSON.stringify(code ? 'error' : 'success')});`);
        if (code) lines.push(`    pm.expect(body.code).to.equal(${JSON.stringify(code)});`);
        const { const: says, enum: oneOf } = code ? {} : messageOf(answer);
        const message = step.says || says;
        if (message !== undefined) lines.push(`    pm.expect(body.message).to.equal(${JSON.stringify(message)});`);
        if (oneOf && !step.says) lines.push(`    pm.expect(body.message).to.be.oneOf(${JSON.stringify(oneOf)});`);
    }
    return [...lines, '});', ...(step.checks || [])];
}

function urlOf(step, { path: at, parameters }) {
    const segments = at.slice(1).split('/');
    const query = Object.entries(step.query || {});
    for (const name of [...query.map(([key]) => key), ...Object.keys(step.headers || {})]) {
        if (name !== 'key' && !parameters.some((one) => one.name === name) && !(step.unknown || []).includes(name)) fail(step, `${name} is not described`);
    }
    if (/^\{.*\}$/.test(segments[segments.length - 1])) {
        segments.pop();
        if (step.item) segments.push(...step.item.split('/'));
        else if (!('key' in (step.query || {}))) fail(step, 'no item');
    }
    const raw = `{{base_url}}/${segments.join('/')}${query.length > 0 ? '?' : ''}${query.map(([key, value]) => `${key}=${value}`).join('&')}`;
    return { raw, host: ['{{base_url}}'], path: segments, ...(query.length > 0 ? { query: query.map(([key, value]) => ({ key, value })) } : {}) };
}

function bodyOf(step, { operation }) {
    const described = (operation.requestBody || {}).content || {};
    if ('text' in step) return { text: step.text, type: step.type || 'application/json' };
    if ('body' in step) return { json: step.body, type: step.type || 'application/json' };
    if (!('with' in step)) return null;
    const example = (described['application/json'] || {}).example;
    if (!example) fail(step, 'the description has no example');
    return { json: { ...example, ...step.with }, type: 'application/json' };
}

function itemOf(step) {
    const call = calls.find((one) => one.operation.operationId === step.call);
    if (!call) fail(step, `no call ${step.call}`);
    if (!step.method) seen.add(step.call);
    const body = bodyOf(step, call);
    const open = (call.operation.security || [1]).length === 0;
    const request = {
        method: step.method || call.method,
        header: [
            ...(body ? [{ key: 'Content-Type', value: body.type }] : []),
            ...Object.entries(step.headers || {}).map(([key, value]) => ({ key, value })),
        ],
        url: urlOf(step, call),
    };
    const description = step.description || call.operation.description;
    if (description) request.description = description;
    if (body) {
        request.body = { mode: 'raw', raw: 'json' in body ? JSON.stringify(body.json, null, 2) : body.text };
        if (/json$/.test(body.type)) request.body.options = { raw: { language: 'json' } };
    }
    if (open || step.token === '') request.auth = { type: 'noauth' };
    else if (step.token) request.auth = bearer(step.token);
    return {
        name: step.name,
        event: [...(step.before ? [script('prerequest', step.before)] : []), script('test', checkOf(step, call))],
        request,
    };
}

const collection = {
    info: { ...flow.info, schema: 'https://schema.getpostman.com/json/collection/v2.1.0/collection.json' },
    auth: bearer('{{token}}'),
    variable: Object.entries(flow.variable).map(([key, value]) => ({ key, value })),
    event: [script('prerequest', flow.before), script('test', flow.checks)],
    item: flow.folders.map(({ calls: steps, ...folder }) => ({ ...folder, item: steps.map(itemOf) })),
};
for (const { operation } of calls) {
    if (!seen.has(operation.operationId)) throw new Error(`flow.json: nothing calls ${operation.operationId}`);
}
process.stdout.write(JSON.stringify(collection, null, 2) + '\n');
