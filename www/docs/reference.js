// reference.js - prints the reference of the API, www/docs/reference.md, from www/openapi.json.
'use strict';

const { description, calls, resolved, codesOf, nameOf } = require('./openapi.js');

const lines = [];
const say = (...more) => lines.push(...more);
const code = (text) => '`' + text + '`';
const anchor = (heading) => heading.toLowerCase().replace(/[^\w -]/g, '').replace(/ /g, '-');
const cell = (text) => String(text).replace(/\|/g, '\\|').replace(/\n/g, ' ');

function table(head, rows) {
    if (rows.length === 0) return;
    say('', `| ${head.join(' | ')} |`, `|${head.map(() => ' --- ').join('|')}|`, ...rows.map((row) => `| ${row.map(cell).join(' | ')} |`));
}

function range(least, most, unit) {
    if (least !== undefined && most !== undefined) return least === most ? ` of ${least}${unit}` : ` of ${least} to ${most}${unit}`;
    if (most !== undefined) return ` of at most ${most}${unit}`;
    return least !== undefined && least > 0 ? ` of at least ${least}${unit}` : '';
}

// What a value may be, in a few words.
function kind(schema) {
    if (schema.$ref) return `[${nameOf(schema)}](#${anchor(nameOf(schema))})`;
    if ('const' in schema) return code(JSON.stringify(schema.const));
    if (schema.enum) return schema.enum.map((one) => code(JSON.stringify(one))).join(', ');
    if (schema.allOf) return schema.allOf.filter((one) => one.$ref || one.properties).map(kind).join(', with ');
    if (schema.anyOf) return schema.anyOf.map(kind).join(' or ');
    if (schema.not && schema.not.type === 'null') return 'any JSON but null';
    const types = [schema.type || 'anything'].flat();
    const unit = types.includes('array') ? '' : ' characters';
    let text = types.includes('array') ? `list${range(schema.minItems, schema.maxItems, '')} of ${kind(schema.items)}` : types.join(' or ');
    if (types.includes('string')) text += range(schema.minLength, schema.maxLength, unit);
    if (types.includes('integer')) text += range(schema.minimum, schema.maximum, '');
    if (schema.format) text += ` (${schema.format})`;
    if (schema.default !== undefined) text += `, ${schema.default} unless given`;
    return text;
}

// The members of an object, those of objects inside of it with a dot, those of a list's with [].
function members(schema, before = '', needed = true) {
    const rows = [];
    for (const part of [...(schema.allOf || []), ...(schema.anyOf || [])]) {
        if (!part.$ref) rows.push(...members(part, before, needed && !schema.anyOf));
    }
    for (const [name, one] of Object.entries(schema.properties || {})) {
        const must = needed && (schema.required || []).includes(name);
        rows.push([code(before + name), one.properties || one.anyOf ? 'object' : kind(one), must ? 'always' : '', one.description || '']);
        if (one.properties) rows.push(...members(one, `${before}${name}.`, must));
        if (one.items && one.items.properties) {
            rows[rows.length - 1][1] = 'list of objects';
            rows.push(...members(one.items, `${before}${name}[].`, must));
        }
        if (one.anyOf) rows[rows.length - 1][1] = one.anyOf.map(kind).join(' or ');
    }
    return rows;
}

function answer(status, one) {
    const codes = codesOf(one);
    const parts = [];
    if (codes.length > 0) parts.push(codes.map(code).join(', ') + '.');
    else parts.push(one.description);
    for (const [type, content] of Object.entries(one.content || {})) {
        if (codes.length > 0) {
            const named = nameOf(content.schema);
            if (named && named !== 'Error') parts.push(`As ${kind(content.schema)}.`);
            continue;
        }
        if (type !== 'application/json') {
            parts.push(`With ${code('raw=true')} ${code(type)}.`);
            continue;
        }
        const schema = content.schema;
        if (schema.$ref) {
            parts.push(kind(schema));
            continue;
        }
        const shown = Object.entries(schema.properties || {}).map(([name, member]) => {
            const inline = !member.$ref && member.properties ? members(member).map(([at, what]) => `${at} ${what}`).join(', ') : '';
            const more = !member.$ref && member.allOf ? members(member).map(([at, what]) => `${at} ${what}`).join(', ') : '';
            const base = inline ? `object of ${inline}` : kind({ ...member, ...(more ? { allOf: member.allOf.filter((part) => part.$ref) } : {}) });
            return `${code(name)} ${base}${more ? `, with ${more}` : ''}`;
        });
        if (shown.length > 0) parts.push(shown.join('; ') + '.');
    }
    const heads = Object.keys(one.headers || {});
    if (heads.length > 0) parts.push(`Header ${heads.map(code).join(', ')}.`);
    return [code(status), parts.join(' ')];
}

function call({ method, path, operation, parameters }) {
    say('', `### ${method} ${path}`, '', `${operation.summary}${/[?.]$/.test(operation.summary) ? '' : '.'} ${operation.description || ''}`.trim());
    say('', `${operation.security && operation.security.length === 0 ? 'Without a token' : 'With a token'}; ${code(operation.operationId)}.`);
    table(['parameter', 'in', 'what it is', 'meaning'], parameters.map((one) => [
        code(one.name), one.in, kind(one.schema) + (one.required ? ', always' : ''), one.description || '']));
    for (const [type, content] of Object.entries((operation.requestBody || {}).content || {})) {
        const schema = content.schema;
        const inline = !schema.$ref && (schema.properties || schema.anyOf);
        say('', `Body ${code(type)}${operation.requestBody.required ? '' : ', where there is one'}: ${inline ? `an object. ${schema.description || ''}`.trim() : kind(schema)}`);
        if (inline) table(['member', 'what it is', 'there', 'meaning'], members(schema));
        if (content.example !== undefined && typeof content.example === 'object') {
            say('', `An example: ${code(JSON.stringify(content.example))}`);
        }
    }
    table(['status', 'answer'], Object.entries(operation.responses).map(([status, one]) => answer(status, resolved(one))));
}

say('# API reference', '',
    'Made from the [OpenAPI description](../openapi.json), which says the same to programs; the [Postman',
    'collection](../cubby.postman_collection.json) is made from it too. Examples that run are in [the',
    'API](api.md).', '');
say(description.info.description, '');
say(`The address of the API is ${description.servers.map((one) => `${code(one.url)} (${one.description})`).join(' or ')}.`);
say(`A token goes into the header ${code('Authorization: Bearer …')}. ${description.components.securitySchemes.token.description}`);
for (const tag of description.tags) {
    say('', `## ${tag.name[0].toUpperCase()}${tag.name.slice(1)}`, '', `${tag.description}.`);
    for (const one of calls) if (one.operation.tags[0] === tag.name) call(one);
}
say('', '## What bodies and answers have');
for (const [name, schema] of Object.entries(description.components.schemas)) {
    say('', `### ${name}`);
    const rows = members(schema);
    const text = schema.allOf && rows.length > 0 ? `An ${kind(schema.allOf.find((one) => one.$ref))} with:` : schema.description || '';
    if (text !== '') say('', text);
    if (rows.length > 0) {
        table(['member', 'what it is', 'there', 'meaning'], rows);
        if (schema.anyOf) say('', `One of them is needed: ${schema.anyOf.map((one) => one.required.map(code).join(' and ')).join(' or ')}.`);
    } else if (schema.items && schema.items.properties) {
        say('', 'A list of objects:');
        table(['member', 'what it is', 'there', 'meaning'], members(schema.items));
    } else {
        say('', `${kind({ ...schema, description: undefined }).replace(/^./, (one) => one.toUpperCase())}.`);
    }
}
say('', '## Headers of answers');
table(['header', 'what it is', 'meaning'], Object.entries(description.components.headers).map(([name, one]) => [code(name), kind(one.schema), one.description]));
process.stdout.write(lines.join('\n') + '\n');
