// run.js - runs the Postman collection with newman and prints TAP, a line for each check that its
// scripts make. Each request must make at least one, and none may fail to be sent.
// usage: BASE=address node run.js COLLECTION NEWMAN-FOLDER
// It runs twice over one server: what the first round leaves must not disturb the second.
"use strict";
const path = require("path");

const [collection, folder] = process.argv.slice(2);
const newman = require(path.resolve(folder));
const lines = [];
const checks = new Map();

function tell(good, round, item, what, error) {
    lines.push(good);
    const name = `postman: ${item}, round ${round}: ${what}`.replace(/[#\n]/g, " ");
    process.stdout.write(`${good ? "ok" : "not ok"} ${lines.length} ${name}\n`);
    if (!good) {
        process.stdout.write(String(error).slice(0, 600).replace(/^/gm, "# ") + "\n");
    }
}

newman.run({
    collection: path.resolve(collection),
    envVar: [{ key: "base_url", value: process.env.BASE }],
    iterationCount: 2,
    timeoutRequest: 200000,
    color: "off",
}).on("assertion", (failure, args) => {
    const round = args.cursor.iteration + 1;
    const key = `${round} ${args.item.id}`;
    checks.set(key, (checks.get(key) || 0) + 1);
    const error = args.error || failure;
    tell(!error && !args.skipped, round, args.item.name, args.assertion, error && error.message);
}).on("item", (failure, args) => {
    const round = args.cursor.iteration + 1;
    if (failure || !checks.has(`${round} ${args.item.id}`)) {
        tell(false, round, args.item.name, "makes a check", failure || "it makes none");
    }
}).on("done", (failure, summary) => {
    const other = (summary && summary.run ? summary.run.failures : [])
        .filter((one) => one.error && one.error.name !== "AssertionError");
    for (const one of other) {
        tell(false, one.cursor ? one.cursor.iteration + 1 : 0, one.source ? one.source.name : "collection",
            "runs without an error", one.error.message);
    }
    if (failure) {
        tell(false, 0, "collection", "can be run", failure.message);
    }
    process.stdout.write(`1..${lines.length}\n`);
    process.exitCode = lines.length > 0 && lines.every((good) => good) ? 0 : 1;
});
