// raw.js - sends bytes to a web server just as they are, and prints what comes back.
// usage: node raw.js BASE TEXT [MILLISECONDS TEXT]…
// In a text, \r \n \xHH and @FILE:path@ are replaced. Ends when the server closes, or after 200 seconds. In the file
// that TOOK names is then how many milliseconds the connection lasted.
"use strict";
const net = require("net");
const fs = require("fs");

const [base, ...parts] = process.argv.slice(2);
const url = new URL(base);
const bytes = (text) => Buffer.concat(text.split(/(@FILE:[^@]*@)/).map((piece) => {
    const file = /^@FILE:(.*)@$/.exec(piece);
    if (file) {
        return fs.readFileSync(file[1]);
    }
    return Buffer.from(piece.replace(/\\r/g, "\r").replace(/\\n/g, "\n")
        .replace(/\\x([0-9a-f]{2})/gi, (all, hex) => String.fromCharCode(parseInt(hex, 16))), "latin1");
}));
const socket = net.connect(Number(url.port), url.hostname);
socket.on("data", (data) => process.stdout.write(data));
socket.on("error", () => {});
let begun;
socket.on("connect", () => { begun = Date.now(); });
socket.on("close", () => {
    if (process.env.TOOK) {
        fs.writeFileSync(process.env.TOOK, String(Date.now() - begun));
    }
    process.exit(0);
});
setTimeout(() => process.exit(3), 200000);

(async () => {
    for (let i = 0; i < parts.length; i += 2) {
        if (i > 0) {
            await new Promise((done) => setTimeout(done, Number(parts[i - 1])));
        }
        if (parts[i] === "END") { // nothing more is sent, but the answer is waited for
            socket.end();
            return;
        }
        if (parts[i] === "HANGUP") {
            socket.destroy();
            return;
        }
        socket.write(bytes(parts[i]));
    }
})();
