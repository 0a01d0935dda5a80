// The peer in JavaScript: Fastify, @fastify/jwt and better-sqlite3, in processes by node:cluster.
//
// It reads and updates items of a database of cubby, for tokens that cubby made, with cubby's check of the
// user: the account is there, its sessions were not ended, and neither was this token.
//
// PEER_DATABASE and PEER_KEYS name the files, PEER_MODULES the folder of the packages, PEER_PROCESSES says
// how many. Prints its address.
'use strict';

const cluster = require('node:cluster');
const fs = require('node:fs');
const { createRequire } = require('node:module');

const packages = createRequire(`${process.env.PEER_MODULES}/`);
const PROCESSES = Number(process.env.PEER_PROCESSES);
const VALUE_MAXIMUM = 262144;
const LIVE = 'users.id = ? AND users.epoch = ? AND users.revoked NOT LIKE ?';

function openDatabase() {
    const database = packages('better-sqlite3')(process.env.PEER_DATABASE, { fileMustExist: true, timeout: 5000 });
    database.pragma('synchronous = EXTRA');
    return database;
}

// The statements, prepared once, and the update as a transaction.
function openItems() {
    const database = openDatabase();
    const counters = database.prepare(`SELECT version, bytes FROM users WHERE ${LIVE}`);
    const read = database.prepare('SELECT version, created_at, updated_at, expires_at, value FROM items'
        + ` WHERE user_id = (SELECT id FROM users WHERE ${LIVE}) AND key = ?`);
    const find = database.prepare('SELECT created_at, expires_at, size FROM items WHERE user_id = ? AND key = ?');
    const change = database.prepare('UPDATE items SET version = ?, size = ?, updated_at = ?, expires_at = NULL,'
        + ' value = ? WHERE user_id = ? AND key = ?');
    const count = database.prepare('UPDATE users SET version = ?, bytes = ? WHERE id = ?');
    const update = database.transaction((user, key, value, now) => {
        const before = counters.get(user.id, user.epoch, user.revoked);
        if (before === undefined) {
            return { refused: 401 };
        }
        const row = find.get(user.id, key);
        if (row === undefined || (row.expires_at !== null && row.expires_at <= now)) {
            return { refused: 404 };
        }
        const version = before.version + 1;
        const size = Buffer.byteLength(value);
        change.run(version, size, now, value, user.id, key);
        count.run(version, before.bytes + size - row.size, user.id);
        return { version, created_at: row.created_at, updated_at: now };
    });
    return {
        read: (user, key) => read.get(user.id, user.epoch, user.revoked, key),
        lives: (user) => counters.get(user.id, user.epoch, user.revoked) !== undefined,
        update: update.immediate,
    };
}

function firstKey() {
    const { keys } = JSON.parse(fs.readFileSync(process.env.PEER_KEYS, 'utf8'));
    return Buffer.from(keys[0].k, 'base64url');
}

const REFUSALS = {
    400: { status: 'error', code: 'INVALID_VALUE' },
    401: { status: 'error', code: 'INVALID_TOKEN' },
    404: { status: 'error', code: 'KEY_NOT_FOUND' },
};

const ANSWER = {
    type: 'object',
    properties: {
        status: { type: 'string' },
        data: {
            type: 'object',
            properties: {
                key: { type: 'string' },
                value: {},
                version: { type: 'integer' },
                created_at: { type: 'string' },
                updated_at: { type: 'string' },
            },
        },
    },
};

const BODY = { type: 'object', required: ['value'], properties: { value: {} } };

function answer(reply, key, value, row, cache) {
    reply.headers({ etag: `"${row.version}"`, 'cache-control': cache, 'x-content-type-options': 'nosniff' });
    return {
        status: 'success',
        data: {
            key,
            value,
            version: row.version,
            created_at: new Date(row.created_at).toISOString(),
            updated_at: new Date(row.updated_at).toISOString(),
        },
    };
}

function refuse(reply, status) {
    reply.code(status);
    return reply.send(REFUSALS[status]);
}

async function authorise(request, reply) {
    try {
        await request.jwtVerify();
    } catch {
        return refuse(reply, 401);
    }
    const { user_id: id, epoch, jti } = request.user;
    request.owner = { id, epoch, revoked: `%;${jti}=%` };
}

function addRoutes(app, items) {
    app.get('/api/data/*', { onRequest: authorise, schema: { response: { 200: ANSWER } } }, (request, reply) => {
        const key = request.params['*'];
        const row = items.read(request.owner, key);
        if (row === undefined) {
            return refuse(reply, items.lives(request.owner) ? 404 : 401);
        }
        if (row.expires_at !== null && row.expires_at <= Date.now()) {
            return refuse(reply, 404);
        }
        reply.send(answer(reply, key, JSON.parse(row.value), row, 'private, no-cache'));
    });
    app.put('/api/data/*', { onRequest: authorise, schema: { body: BODY, response: { 200: ANSWER } } }, (request, reply) => {
        const key = request.params['*'];
        const { value } = request.body;
        const text = JSON.stringify(value);
        if (value === null || text.length > VALUE_MAXIMUM) {
            return refuse(reply, 400);
        }
        const row = items.update(request.owner, key, text, Date.now());
        if (row.refused !== undefined) {
            return refuse(reply, row.refused);
        }
        reply.send(answer(reply, key, value, row, 'no-store'));
    });
}

async function serve() {
    const app = packages('fastify')({ logger: false });
    const required = ['exp', 'iat', 'jti', 'sub', 'user_id', 'epoch'];
    app.decorateRequest('owner', null);
    app.register(packages('@fastify/jwt'), {
        secret: firstKey(),
        verify: { algorithms: ['HS256'], requiredClaims: required },
    });
    await app.after();
    addRoutes(app, openItems());
    await app.listen({ host: '127.0.0.1', port: 0 });
}

function lead() {
    let listening = 0;
    cluster.on('listening', (worker, address) => {
        listening += 1;
        if (listening === PROCESSES) {
            process.stdout.write(`http://127.0.0.1:${address.port}/api\n`);
        }
    });
    for (let i = 0; i < PROCESSES; i += 1) {
        cluster.fork();
    }
    process.on('SIGTERM', () => cluster.disconnect(() => process.exit(0)));
    cluster.on('exit', (worker) => {
        if (!worker.exitedAfterDisconnect) {
            process.exit(1);
        }
    });
}

if (cluster.isPrimary) {
    lead();
} else {
    serve();
}
