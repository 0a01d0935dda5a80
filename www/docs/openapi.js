// openapi.js - reads www/openapi.json for what is made of it: reference.js and collection.js.
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

const folder = path.resolve(__dirname, '..');
const description = JSON.parse(fs.readFileSync(path.join(folder, 'openapi.json'), 'utf8'));

// What a `$ref` names; anything else is itself.
function resolved(one) {
    if (!one || !one.$ref) return one;
    return one.$ref.slice(2).split('/').reduce((at, name) => at[name], description);
}

// Every call: method, path, and of the description the operation with all its parameters.
const calls = Object.entries(description.paths).flatMap(([at, item]) => METHODS.filter((method) => item[method]).map((method) => ({
    method: method.toUpperCase(),
    path: at,
    operation: item[method],
    parameters: [...(item.parameters || []), ...(item[method].parameters || [])].map(resolved),
})));

// The codes that an answer may have; an empty list for one that is no error.
function codesOf(answer) {
    const found = [];
    const look = (schema) => {
        schema = resolved(schema);
        for (const part of [...(schema.allOf || []), ...(schema.anyOf || []), ...(schema.oneOf || [])]) look(part);
        const code = schema.properties && schema.properties.code;
        if (code && code.enum) found.push(...code.enum);
    };
    const content = answer.content && answer.content['application/json'];
    if (content) look(content.schema);
    return [...new Set(found)];
}

// The names of the components by which a `$ref` may be shown as a link.
const nameOf = (one) => (one && one.$ref ? one.$ref.split('/').pop() : null);

module.exports = { description, folder, calls, resolved, codesOf, nameOf };
