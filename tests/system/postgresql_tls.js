// postgresql_tls.js - TLS in front of a PostgreSQL server at a unix socket, in records as large as TLS allows:
// what the server says in small pieces is gathered first.
//
//   node postgresql_tls.js KEY CERTIFICATE UPSTREAM      prints its port on 127.0.0.1
//   node postgresql_tls.js - - UPSTREAM                  likewise, for a server that knows no TLS
const fs = require('fs');
const net = require('net');
const tls = require('tls');
const [key, certificate, upstream] = process.argv.slice(2);
const context = key === '-' ? null : tls.createSecureContext({ key: fs.readFileSync(key), cert: fs.readFileSync(certificate) });

net.createServer((plain) => {
    plain.on('error', () => plain.destroy());
    plain.once('data', () => { // SSLRequest
        if (context === null) {
            plain.write('N');
            const server = net.connect(upstream);
            plain.pipe(server).pipe(plain);
            server.on('error', () => plain.destroy());
            return;
        }
        plain.write('S');
        const client = new tls.TLSSocket(plain, { isServer: true, secureContext: context });
        const server = net.connect(upstream);
        const end = () => { client.destroy(); server.destroy(); };
        let waiting = [];
        let timer = null;
        const flush = () => {
            timer = null;
            if (!client.destroyed) client.write(Buffer.concat(waiting));
            waiting = [];
        };
        client.on('error', end).on('close', end).on('data', (bytes) => server.write(bytes));
        server.on('error', end).on('close', end).on('data', (bytes) => {
            waiting.push(bytes);
            if (timer !== null) clearTimeout(timer);
            timer = setTimeout(flush, 10);
        });
    });
}).listen(0, '127.0.0.1', function () { console.log(this.address().port); });
