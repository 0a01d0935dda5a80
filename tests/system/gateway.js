// A web server that runs the CGI programs and is set up badly, or is of another kind than those that
// cubby is tried under: one that keeps headers from the programs, does not decode chunks, or passes an
// empty variable for each header that was not sent.
//
//   node gateway.js FOLDER [--software NAME] [--drop HEADER]… [--empty HEADER]… [--raw] [--cut METHOD]
//                   [--peer ADDRESS] [--forwarded ADDRESS]
//
//   FOLDER           of the programs; they are found at /api/NAME
//   --software NAME  what it calls itself to them; none without
//   --drop HEADER    keeps the header from them
//   --empty HEADER   passes an empty variable when the header was not sent, as uhttpd does
//   --raw            passes a chunked body on as it came, in chunks, without a length
//   --cut METHOD     passes only the first 1000 bytes of bodies of this method
//   --peer ADDRESS   says this of the client, as REMOTE_ADDR
//   --forwarded ADDRESS  the same of X-Forwarded-For, as a proxy in front of it sends it
//
// Serves on a free port of the loopback, which is its one line of output, until it is killed.
'use strict';
const http = require('node:http');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { parseArgs } = require('node:util');

const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
        software: { type: 'string' },
        drop: { type: 'string', multiple: true, default: [] },
        empty: { type: 'string', multiple: true, default: [] },
        raw: { type: 'boolean', default: false },
        cut: { type: 'string', default: '' },
        peer: { type: 'string', default: '127.0.0.1' },
        forwarded: { type: 'string' },
    },
});
const dropped = values.drop.map((name) => name.toLowerCase());
const empty = values.empty.map((name) => name.toLowerCase());

// RFC 3875 section 4.1
function variables(request, url, name, body) {
    const set = {
        PATH: process.env.PATH,
        CUBBY_CONF: process.env.CUBBY_CONF,
        GATEWAY_INTERFACE: 'CGI/1.1',
        SERVER_PROTOCOL: 'HTTP/1.1',
        REQUEST_METHOD: request.method,
        SCRIPT_NAME: `/api/${name}`,
        PATH_INFO: decodeURIComponent(url.pathname.slice(`/api/${name}`.length)),
        QUERY_STRING: url.search.slice(1),
        REMOTE_ADDR: values.peer,
    };
    if (values.forwarded !== undefined) set.HTTP_X_FORWARDED_FOR = values.forwarded;
    if (values.software !== undefined) set.SERVER_SOFTWARE = values.software;
    for (const header of empty) {
        if (header === 'content-length' || header === 'content-type') set[header.toUpperCase().replace('-', '_')] = '';
        else set[`HTTP_${header.toUpperCase().replaceAll('-', '_')}`] = '';
    }
    for (const [header, value] of Object.entries(request.headers)) {
        if (dropped.includes(header)) continue;
        if (header === 'content-type') set.CONTENT_TYPE = value;
        else if (header !== 'content-length') set[`HTTP_${header.toUpperCase().replaceAll('-', '_')}`] = value;
    }
    const chunked = request.headers['transfer-encoding'] !== undefined;
    const sent = chunked || request.headers['content-length'] !== undefined;
    if (sent && !(chunked && values.raw)) set.CONTENT_LENGTH = String(body.length);
    return set;
}

function answer(response, output) {
    const end = output.indexOf('\r\n\r\n');
    if (end < 0) {
        response.writeHead(502).end();
        return;
    }
    let status = 200;
    for (const line of output.subarray(0, end).toString('latin1').split('\r\n')) {
        const colon = line.indexOf(':');
        const value = line.slice(colon + 1).trim();
        if (line.slice(0, colon).toLowerCase() === 'status') status = parseInt(value, 10);
        else response.setHeader(line.slice(0, colon), value);
    }
    response.writeHead(status).end(output.subarray(end + 4));
}

const server = http.createServer((request, response) => {
    const pieces = [];
    const url = new URL(request.url, 'http://localhost');
    const name = url.pathname.split('/')[2] ?? '';
    if (!/^\/api\/[a-z]+(\/|$)/.test(url.pathname)) {
        response.writeHead(404).end();
        return;
    }
    request.on('data', (piece) => pieces.push(piece));
    request.on('end', () => {
        const body = Buffer.concat(pieces);
        const program = spawn(path.join(positionals[0], name), [], { env: variables(request, url, name, body), stdio: ['pipe', 'pipe', 'inherit'] });
        const output = [];
        program.on('error', () => response.writeHead(404).end());
        program.stdin.on('error', () => {}); // it may not read all
        program.stdout.on('data', (piece) => output.push(piece));
        program.on('close', () => { if (!response.headersSent) answer(response, Buffer.concat(output)); });
        const raw = values.raw && request.headers['transfer-encoding'] !== undefined;
        const chunks = pieces.map((piece) => Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]));
        program.stdin.end(raw ? Buffer.concat([...chunks, Buffer.from('0\r\n\r\n')])
            : request.method === values.cut ? body.subarray(0, 1000) : body);
    });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
