// jwt.js - makes JSON Web Tokens that no honest server would.
// usage: node jwt.js KEYS-FILE HEADER PAYLOAD [KEY]
// HEADER and PAYLOAD are JSON, put as they are, with @KID@, @NOW@, @NOW+n@, @NOW-n@ replaced. KEY: "first" (of the
// file, default), "padded" (the same, and the payload padded with =), "second", "none" (no signature), "public" (an RSA
// signature), or the key's text.
"use strict";
const crypto = require("crypto");
const fs = require("fs");

const [file, headerText, payloadText, which = "first"] = process.argv.slice(2);
const keys = JSON.parse(fs.readFileSync(file, "utf8")).keys;
const now = Math.floor(Date.now() / 1000);
const fill = (text) => text.replace(/@KID@/g, keys[which === "second" ? 1 : 0].kid)
    .replace(/@NOW([+-]\d+)?@/g, (all, plus) => String(now + Number(plus || 0)));
const header = fill(headerText);
const part = (text) => Buffer.from(text).toString("base64url");
const padded = (text) => text.padEnd(Math.ceil(text.length / 4) * 4, "=");
const payload = part(fill(payloadText));
const signed = part(header) + "." + (which === "padded" ? padded(payload) : payload);
const hash = { HS256: "sha256", HS384: "sha384", HS512: "sha512" }[(JSON.parse(header) || {}).alg] || "sha256";

function signature() {
    if (which === "none") {
        return "";
    }
    if (which === "public") {
        const pair = crypto.generateKeyPairSync("rsa", { modulusLength: 2048 });
        return crypto.sign("sha256", Buffer.from(signed), pair.privateKey).toString("base64url");
    }
    const named = { first: 0, padded: 0, second: 1 }[which];
    const key = named === undefined ? Buffer.from(which) : Buffer.from(keys[named].k, "base64url");
    return crypto.createHmac(hash, key).update(signed).digest("base64url");
}

process.stdout.write(signed + "." + signature());
