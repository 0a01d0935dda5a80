// browser.js - a headless Chromium for the tests of the page, and what they do in it.
//
//   BASE   address of the API; the page lies at / beside it
//   SHOTS  folder for screenshots
//   NPM    the node_modules that hold puppeteer-core and axe-core
//   WAIT   how many milliseconds something may take
//   SLOWER how many times slower the page's processor is made
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');

const npm = path.resolve(process.env.NPM || 'build/npm/node_modules');
const puppeteer = require(path.join(npm, 'puppeteer-core'));
const axe = fs.readFileSync(path.join(npm, 'axe-core', 'axe.min.js'), 'utf8');

const base = process.env.BASE || 'http://127.0.0.1:5000/api';
const origin = new URL(base).origin;
const shots = path.resolve(process.env.SHOTS || 'build/screenshots');
const PASSWORD = 'Analytical-1';
const WAIT = Number(process.env.WAIT) || 120000; // milliseconds: a busy machine may be slow

// Waits until WHAT gives true.
async function eventually(what) {
    for (const end = Date.now() + WAIT; !await what();) {
        assert.ok(Date.now() < end, `not within ${WAIT} ms: ${what}`);
        await new Promise((done) => { setTimeout(done, 50); });
    }
}

// A connection of its own for each request: one that is kept may be closed by the server as the next one is sent.
function answerOf(method, url, headers, body) {
    return new Promise((resolve, reject) => {
        const request = http.request(url, { method, headers, agent: false }, (response) => {
            const pieces = [];
            response.on('data', (piece) => pieces.push(piece));
            response.on('end', () => resolve({ status: response.statusCode, text: Buffer.concat(pieces).toString() }));
            response.on('error', reject);
        });
        request.on('error', reject);
        if (body !== undefined) request.setHeader('Content-Length', Buffer.byteLength(body));
        request.end(body);
    });
}

// Asks the API, as somebody beside the page. A text that is the body goes out as it is.
async function api(method, at, { token, body } = {}) {
    const headers = {};
    if (token) headers.Authorization = 'Bearer ' + token;
    if (body !== undefined && method !== 'POST') {
        headers['X-HTTP-Method-Override'] = method; // for busybox httpd
        method = 'POST';
    }
    const { status, text } = await answerOf(method, base + at, headers, typeof body === 'object' ? JSON.stringify(body) : body);
    let json = null;
    try {
        json = JSON.parse(text);
    } catch {
        // raw text
    }
    return { status, text, json };
}

let users = 0;
async function newUser() {
    const name = `u${process.pid}x${++users}`;
    const user = { username: name, email: `${name}@example.org`, full_name: 'Ada Lovelace', age: 36, gender: 'female', password: PASSWORD };
    assert.equal((await api('POST', '/register', { body: user })).status, 201);
    const { json } = await api('POST', '/token', { body: user });
    return { name, token: json.token };
}

// Stores the texts of values under keys.
async function put(user, items) {
    for (const [key, value] of Object.entries(items)) {
        const { status, text } = await api('PUT', `/data?upsert=true&key=${encodeURIComponent(key)}`, { token: user.token, body: `{"value":${value}}` });
        assert.ok(status < 300, text);
    }
}

const itemOf = (user, key) => api('GET', '/data?key=' + encodeURIComponent(key), { token: user.token });

// The exact text of what is stored.
async function valueOf(user, key) {
    const { status, text } = await itemOf(user, key);
    if (status !== 200) return status;
    return /"value":([^]*),"version":/.exec(text)[1];
}

let browser = null;
async function launch() {
    browser = browser || await puppeteer.launch({
        headless: 'shell',
        timeout: WAIT,
        protocolTimeout: 2 * WAIT,
        executablePath: process.env.CHROMIUM || '/usr/bin/chromium-headless-shell',
        args: [
            ...(process.getuid() === 0 ? ['--no-sandbox'] : []),
            '--disable-background-networking', '--disable-component-update', '--disable-default-apps', '--disable-sync',
            '--disable-domain-reliability', '--disable-gpu', '--no-first-run', '--no-pings', '--lang=en-US',
            '--disable-features=Translate,OptimizationHints,MediaRouter,AutofillServerCommunication',
            '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
        ],
    });
    return browser;
}

async function quit() {
    if (browser) await browser.close();
}

// A page of its own browser context. Faults are what must never happen there.
class Page {
    static async open(width, address = origin + '/') {
        const self = new Page();
        self.width = width;
        self.context = await (await launch()).createBrowserContext();
        self.tab = await self.context.newPage();
        self.faults = [];
        self.expected = null; // a pattern: messages of the browser that fit are no faults in this page
        self.told = []; // those that came
        self.calls = [];
        self.tab.setDefaultTimeout(WAIT);
        if (process.env.SLOWER) await self.tab.emulateCPUThrottling(Number(process.env.SLOWER));
        // What moves as it appears would be gone from where the mouse goes.
        await self.tab.emulateMediaFeatures([{ name: 'prefers-reduced-motion', value: 'reduce' }]);
        await self.tab.setViewport({ width, height: width < 600 ? 800 : 900, isMobile: width < 600, hasTouch: width < 600 });
        self.tab.on('pageerror', (error) => self.faults.push(String(error.stack || error)));
        self.tab.on('console', (message) => {
            const text = message.text();
            if (/Security Policy|TrustedHTML|TrustedScript|Trusted Type/.test(text)) (self.expected?.test(text) ? self.told : self.faults).push(text);
        });
        self.tab.on('dialog', (dialog) => {
            if (dialog.type() !== 'beforeunload') self.faults.push('dialog: ' + dialog.message());
            dialog.accept().catch(() => {});
        });
        self.tab.on('request', (request) => {
            if (request.url().startsWith(base)) self.calls.push(`${request.method()} ${request.url().slice(base.length)}`);
            else if (!request.url().startsWith(origin) && !/^(data|blob):/.test(request.url())) self.faults.push('foreign: ' + request.url());
        });
        await self.tab.goto(address);
        await self.until(() => !document.querySelector('header #service') || document.querySelector('header #service').className !== '');
        return self;
    }

    async close() {
        await this.context.close();
        assert.deepEqual(this.faults, []);
    }

    until(what, ...given) {
        return this.tab.waitForFunction(what, { polling: 50 }, ...given);
    }

    shown(selector) {
        return this.until((s) => [...document.querySelectorAll(s)].some((e) => e.checkVisibility()), selector);
    }

    hidden(selector) {
        return this.until((s) => ![...document.querySelectorAll(s)].some((e) => e.checkVisibility()), selector);
    }

    text(selector) {
        return this.tab.$eval(selector, (e) => e.textContent);
    }

    value(selector) {
        return this.tab.$eval(selector, (e) => e.value);
    }

    // Not while what was pressed before is still at work, which would not count.
    async press(selector) {
        await this.until((s) => [...document.querySelectorAll(s)].some((e) => e.checkVisibility() && !e.hasAttribute('aria-busy')), selector);
        await this.tap(() => this.tab.$(selector));
    }

    // Taps what FIND gives; again, where the page has put another in its place meanwhile, or something upon it.
    async tap(find) {
        for (const end = Date.now() + WAIT; ;) {
            let last = 'something else was hit';
            try {
                const element = await find();
                const tapped = await element.evaluateHandle((e) => {
                    e.scrollIntoView({ block: 'center' });
                    const hit = { it: false };
                    addEventListener('click', ({ target }) => { hit.it = e.contains(target); }, { capture: true, once: true });
                    return hit;
                });
                await element.click();
                // Where a link led to, nobody knows of it any more.
                if (await tapped.evaluate((hit) => hit.it).catch(() => true)) return;
            } catch (error) {
                last = error;
            }
            assert.ok(Date.now() < end, `not tapped within ${WAIT} ms: ${last}`);
            await new Promise((done) => { setTimeout(done, 50); });
        }
    }

    async fill(selector, text) {
        await this.shown(selector);
        await this.tab.$eval(selector, (e, t) => {
            e.focus();
            e.value = t;
            e.dispatchEvent(new Event('input', { bubbles: true }));
            e.dispatchEvent(new Event('change', { bubbles: true }));
        }, text);
    }

    // Waits for what is said, and sees that it is all that is said, and within the window.
    async says(text, bad = false) {
        try {
            await this.until((t, b) => {
                const [is, other] = b ? ['#bad', '#good'] : ['#good', '#bad'];
                const box = document.querySelector('#message').getBoundingClientRect();
                return document.querySelector(is).textContent.includes(t) && document.querySelector(other).textContent === '' &&
                    !document.querySelector('#message').hidden && box.top >= 0 && box.bottom <= innerHeight + 1 && box.right <= innerWidth;
            }, text, bad);
        } catch {
            assert.fail(`not said: ${text}, but: ${await this.text('#message')}`);
        }
    }

    refuses(text) {
        return this.says(text, true);
    }

    async signIn(name, password = PASSWORD) {
        await this.fill('#sign-in [name=username]', name);
        await this.fill('#sign-in [name=password]', password);
        await this.press('#sign-in button');
    }

    // The page of a user who is signed in, once it is live.
    static async of(user, width, hash = '') {
        const self = await Page.open(width, origin + '/' + hash);
        await self.signIn(user.name);
        await self.shown('#who');
        await self.live();
        return self;
    }

    live() {
        return this.until(() => document.querySelector('#live').textContent === 'live');
    }

    async view(name) {
        await this.press(`nav a[href="#${name}"]`);
        await this.shown(`#view-${name}`);
    }

    // The clock of the page stands from now on, but for what it is set on by.
    async stopClock() {
        await this.tab.evaluate(() => {
            const stopped = Date.now();
            window.setOn = 0;
            Date.now = () => stopped + window.setOn;
        });
        return (by) => this.tab.evaluate((ms) => { window.setOn += ms; }, by);
    }

    row(name) {
        return this.until((n) => {
            const row = [...document.querySelectorAll('#tree li')].find((li) => li.querySelector('.free').textContent === n);
            return row;
        }, name);
    }

    noRow(name) {
        return this.until((n) => ![...document.querySelectorAll('#tree li .free')].some((e) => e.textContent === n), name);
    }

    // Opens a key by the tree; NAME is that of its row.
    async choose(name, key = name) {
        if (await this.tab.$eval('#back', (e) => e.checkVisibility())) await this.press('#back a');
        await this.tap(() => this.row(name));
        await this.until((k) => document.querySelector('#h-item').textContent === k && document.querySelector('#open').checkVisibility(), key);
    }

    async newKey(key, value) {
        if (await this.tab.$eval('#back', (e) => e.checkVisibility())) await this.press('#back a');
        await this.press('#new');
        await this.fill('#editor [name=key]', key);
        await this.fill('#editor [name=value]', value);
        await this.press('#save');
    }

    answer(yes) {
        return this.press(yes ? '#question-yes' : '#question-no');
    }

    // No fault by axe, nothing wider than the window; leaves a picture.
    async looksGood(name) {
        const wide = await this.tab.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(wide <= 0, `${name}: ${wide} pixels too wide`);
        fs.mkdirSync(shots, { recursive: true });
        for (const scheme of ['light', 'dark']) {
            await this.tab.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }, { name: 'prefers-reduced-motion', value: 'reduce' }]);
            await this.tab.screenshot({ path: path.join(shots, `${name}-${this.width}-${scheme}.png`) });
            if (!await this.tab.evaluate(() => 'axe' in window)) await this.tab.evaluate(axe);
            const found = await this.tab.evaluate(async () => (await window.axe.run()).violations.map(({ id, nodes }) =>
                `${id}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 200)} ${failureSummary}`).join(' | ')}`));
            assert.deepEqual(found, [], `${name}, ${scheme}`);
        }
    }
}

module.exports = { Page, WAIT, eventually, api, base, origin, newUser, put, itemOf, valueOf, quit, PASSWORD };
