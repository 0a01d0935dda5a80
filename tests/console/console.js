// console.js - the page in a real browser, on a wide and on a narrow screen; see browser.js beside it.
'use strict';

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test: nodeTest, after } = require('node:test');
const { Page, WAIT, eventually, api, base, origin, newUser, put, itemOf, valueOf, quit, PASSWORD } = require('./browser.js');

after(quit);

// Each test on both screens, each time with a user and pages of its own.
function test(title, body) {
    for (const width of [1280, 390]) {
        nodeTest(`console: ${title}, at ${width}`, { timeout: 300000 }, async () => {
            const pages = [];
            const tools = {
                width,
                open: async (address) => pages[pages.push(await Page.open(width, address)) - 1],
                of: async (user, hash) => pages[pages.push(await Page.of(user, width, hash)) - 1],
            };
            try {
                await body(tools);
            } catch (error) {
                for (const [i, page] of pages.entries()) {
                    await page.tab.screenshot({ path: path.join(os.tmpdir(), `failed-${i}.png`) }).catch(() => {});
                }
                throw error;
            }
            for (const page of pages) await page.close();
        });
    }
}

const EXACT = '{"b": 1.0, "a":1e400,  "big":9007199254740993, "s":"\\u00e9\\/"}';

// ---- session -------------------------------------------------------------------------------------

test('registers, is signed in, survives a reload, and is ended on the server at signing out', async ({ open, width }) => {
    const page = await open();
    await page.looksGood('welcome');
    const name = `r${process.pid}x${width}`;
    const fields = { username: name, email: `${name}@example.org`, full_name: 'Ada', age: 'old', gender: 'female', password: PASSWORD };
    for (const [field, value] of Object.entries(fields)) await page.fill(`#register [name=${field}]`, value);
    await page.press('#register button');
    await page.refuses('Invalid age value');
    await page.fill('#register [name=age]', '36');
    await page.press('#register button');
    await page.says(`Welcome, ${name}`);
    const { token } = await page.tab.evaluate(() => JSON.parse(sessionStorage.getItem('cubby-session')));
    assert.deepEqual(await page.tab.evaluate(() => [localStorage.length, document.cookie]), [0, '']);
    await page.tab.reload();
    await page.live();
    assert.equal(await page.text('#name'), name);
    assert.equal((await api('GET', '/me', { token })).status, 200);
    await page.press('#sign-out');
    await page.says('ended on the server');
    await page.shown('#sign-in');
    assert.equal(await page.tab.evaluate(() => sessionStorage.length), 0);
    assert.match((await api('GET', '/me', { token })).text, /revoked/);
    await page.tab.reload();
    await page.shown('#sign-in');
});

test('another tab knows nothing of the session', async ({ of }) => {
    const page = await of(await newUser());
    const other = await page.context.newPage();
    other.setDefaultTimeout(WAIT);
    await other.goto(origin + '/');
    await other.waitForFunction(() => document.querySelector('#welcome').checkVisibility());
});

test('a wrong password is refused, and a right one later leaves no error', async ({ open }) => {
    const user = await newUser();
    const page = await open();
    await page.signIn(user.name, 'Wrong-1234');
    await page.refuses('Invalid credentials');
    await page.shown('#sign-in');
    assert.equal(await page.tab.evaluate(() => sessionStorage.length), 0);
    await page.signIn(user.name);
    await page.says(`Signed in as ${user.name}`);
});

test('the session is renewed before it ends, and both tokens are ended at signing out', async ({ of }) => {
    const page = await of(await newUser());
    const stored = () => page.tab.evaluate(() => JSON.parse(sessionStorage.getItem('cubby-session')));
    const first = await stored();
    assert.ok(first.renew < first.until && first.until - Date.now() > 3000000);
    await page.tab.evaluate(() => sessionStorage.setItem('cubby-session', JSON.stringify({ ...JSON.parse(sessionStorage.getItem('cubby-session')), renew: 0 })));
    await page.tab.reload();
    await page.live();
    const second = await stored();
    assert.notEqual(second.token, first.token);
    assert.ok(second.renew > Date.now());
    await page.press('#sign-out');
    await page.says('ended on the server');
    for (const { token } of [first, second]) assert.match((await api('GET', '/me', { token })).text, /revoked/);
});

test('a session that ended elsewhere asks to sign in again, and keeps what was being edited', async ({ of }) => {
    const user = await newUser();
    await put(user, { note: '"old"' });
    const page = await of(user);
    await page.choose('note');
    await page.fill('#editor [name=value]', '"a long text"');
    await api('DELETE', '/token?all=true', { token: user.token });
    await page.refuses('Your session has ended');
    assert.equal(await page.tab.evaluate(() => sessionStorage.length), 0);
    assert.equal(await page.value('#sign-in [name=username]'), user.name);
    assert.doesNotMatch(await page.text('#tree'), /note/);
    const stranger = await newUser();
    await page.signIn(user.name);
    await page.shown('#editor');
    assert.equal(await page.value('#editor [name=value]'), '"a long text"');
    await page.live();
    await page.press('#save');
    await page.says('Saved note');
    // Nothing of it is left for somebody else.
    await page.press('#sign-out');
    await page.says('Signed out');
    await page.signIn(stranger.name);
    await page.says('Signed in');
    assert.doesNotMatch(await page.tab.evaluate(() => document.body.textContent + document.querySelector('#editor [name=value]').value), /a long text/);
});

// Holds back the calls that MATCH, until the function that it gives is called, which first waits for one to be held. Its
// session with the browser is its own: that of the page may lose a call that goes out as it begins.
async function holdBack(page, match) {
    const session = await page.tab.createCDPSession();
    const held = [];
    const goOn = ({ requestId }) => session.send('Fetch.continueRequest', { requestId }).catch(() => {}); // of one that was given up
    session.on('Fetch.requestPaused', (call) => {
        if (match.test(`${call.request.method} ${call.request.url}`)) held.push(call);
        else goOn(call);
    });
    await session.send('Fetch.enable');
    return async () => {
        await eventually(() => held.length > 0);
        await Promise.all(held.map(goOn));
        await session.send('Fetch.disable');
        await session.detach();
    };
}

const everything = (page) => page.tab.evaluate(() => document.body.textContent +
    [...document.querySelectorAll('input, textarea')].map((field) => `${field.value} ${field.defaultValue}`).join());

test('nothing of an account is left in its tab for the next one, however slow the answers', async ({ of }) => {
    const user = await newUser();
    const next = await newUser();
    await api('POST', '/keys', { token: user.token, body: { name: 'hidden device', scope: 'read' } });
    await put(user, { 'hidden key': '"hidden value"', other: '1' });
    const page = await of(user);
    await page.view('tokens');
    await page.until(() => document.querySelector('#tokens').textContent.includes('hidden device'));
    await page.view('account');
    await page.until((name) => document.querySelector('#since').textContent.includes(name), user.name);
    await page.view('keys');
    await page.choose('hidden key');
    await page.stopClock(); // the chance to undo ends with the session alone
    await page.press('#delete');
    await page.answer(true);
    await page.shown('#undo-it');
    await page.press('#sign-out');
    await page.says('Signed out');
    await page.hidden('#undo');
    const left = await everything(page);
    assert.doesNotMatch(left, /hidden (key|value|device)/);
    assert.ok(!left.includes(user.name), left);
    await page.signIn(next.name);
    await page.says('Signed in');
    await page.live();
    const release = await holdBack(page, /GET .*\/(me|keys)$/);
    for (const view of ['account', 'tokens']) {
        await page.tab.evaluate((name) => { location.hash = '#' + name; }, view);
        await page.shown('#view-' + view);
        const seen = await everything(page);
        assert.ok(!seen.includes(user.name) && !/hidden (key|value|device)/.test(seen), seen);
    }
    await release();
    await page.until(() => document.querySelector('#no-tokens').checkVisibility());
});

test('what is under way ends with the session, and touches no later one', async ({ of }) => {
    const user = await newUser();
    const next = await newUser();
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cubby-console-'));
    const file = path.join(folder, 'import.json');
    fs.writeFileSync(file, '{"items":[{"key":"k","value":1}]}');
    const page = await of(user);
    await page.view('transfer');
    const release = await holdBack(page, /\/me\/(export|import)/);
    await page.press('#export');
    await (await page.tab.$('#import [name=file]')).uploadFile(file);
    await page.press('#import button');
    await page.shown('#import-progress');
    await page.press('#sign-out');
    await page.shown('#question');
    await page.answer(false);
    await page.shown('#import-progress');
    await page.press('#sign-out');
    await page.answer(true);
    await page.says('Signed out');
    await page.signIn(next.name);
    await page.says('Signed in');
    await release();
    await page.live();
    assert.equal(await page.tab.$$eval('[aria-busy]', (all) => all.length), 0);
    await page.view('transfer');
    assert.equal(await page.tab.$eval('#export-progress', (e) => e.hidden), true);
    await (await page.tab.$('#import [name=file]')).uploadFile(file);
    await page.press('#import button');
    await page.says('Imported 1 key');
    assert.equal(await page.text('#name'), next.name);
    assert.equal(await valueOf(next, 'k'), '1');
    fs.rmSync(folder, { recursive: true });
});

test('the key of a session that ended is not asked for by another user', async ({ of }) => {
    const user = await newUser();
    const next = await newUser();
    await put(user, { 'hidden-key': '1' });
    const page = await of(user);
    await page.choose('hidden-key');
    await api('DELETE', '/token?all=true', { token: user.token });
    await page.refuses('Your session has ended');
    await page.signIn(next.name);
    await page.says('Signed in');
    await page.live();
    assert.equal(await page.tab.evaluate(() => location.hash), '#keys');
    assert.doesNotMatch(page.calls.slice(page.calls.lastIndexOf('POST /token')).join('\n'), /hidden-key/);
    assert.doesNotMatch(await everything(page), /hidden-key/);
});

test('without the server: told, nothing lost, and it goes on when the server is back', async ({ of }) => {
    const user = await newUser();
    await put(user, { note: '"old"' });
    const page = await of(user);
    await page.choose('note');
    await page.fill('#editor [name=value]', '"new"');
    await page.tab.setOfflineMode(true);
    await page.press('#save');
    await page.refuses('the server could not be reached');
    await put(user, { other: '1' }); // so that what is under way ends
    await page.until(() => document.querySelector('#live').textContent.includes('not connected'));
    assert.equal(await page.value('#editor [name=value]'), '"new"');
    assert.equal(await valueOf(user, 'note'), '"old"');
    await page.tab.setOfflineMode(false);
    await page.live();
    assert.equal(await page.value('#editor [name=value]'), '"new"');
    await page.press('#save');
    await page.says('Saved note');
    assert.equal(await valueOf(user, 'note'), '"new"');
    await page.tab.setOfflineMode(true);
    await page.press('#sign-out');
    await page.refuses('the server could not be told');
    assert.equal(await page.tab.evaluate(() => sessionStorage.length), 0);
});

test('a wrong one-time code sets no password', async ({ open }) => {
    const user = await newUser();
    const page = await open();
    await page.press('#lost summary');
    await page.fill('#reset [name=username]', user.name);
    await page.fill('#reset [name=code]', '7MZQ2-K4T9A-0XHBN-PD6WE');
    await page.fill('#reset [name=new_password]', 'Difference-2');
    await page.press('#reset button');
    await page.refuses('Invalid credentials');
    await page.signIn(user.name, 'Difference-2');
    await page.refuses('Invalid credentials');
    await page.signIn(user.name);
    await page.says('Signed in');
});

// ---- keys and values -----------------------------------------------------------------------------

test('a key that is opened fills the value, and every digit survives an edit', async ({ of }) => {
    const user = await newUser();
    await put(user, { 'notes/exact': EXACT });
    const page = await of(user);
    await page.choose('exact', 'notes/exact');
    assert.equal(await page.value('#editor [name=value]'), EXACT);
    assert.match(await page.text('#facts'), /Version1.*Created.*Changed.*Expiresnever.*Size/);
    await page.press('#save');
    await page.says('version 2');
    assert.equal(await valueOf(user, 'notes/exact'), EXACT);
    await page.fill('#editor [name=value]', EXACT.replace('"b"', '"c"'));
    await page.press('#save');
    await page.says('version 3');
    assert.equal(await valueOf(user, 'notes/exact'), EXACT.replace('"b"', '"c"'));
    await page.press('#indent');
    await page.press('#save');
    await page.says('Saved note');
    assert.match(await valueOf(user, 'notes/exact'), /"a": 1e400,\n {2}"big": 9007199254740993,/);
    await page.press('#compact');
    await page.press('#save');
    await page.says('version 5');
    assert.equal(await valueOf(user, 'notes/exact'), '{"c":1.0,"a":1e400,"big":9007199254740993,"s":"\\u00e9\\/"}');
    await page.looksGood('value');
});

test('what is no JSON is not sent, and the place is told', async ({ of }) => {
    const user = await newUser();
    await put(user, { note: '"old"' });
    const page = await of(user);
    await page.choose('note');
    for (const [text, why] of [['{\n "a" 1}', 'line 2, column 6'], ['', 'there is no value'], ['null', 'null is no value'], ['[1,]', 'column 4'],
        ['['.repeat(97) + ']'.repeat(97), '97 levels'], [`"${'x'.repeat(262144)}"`, '256 KiB are allowed']]) {
        await page.fill('#editor [name=value]', text);
        page.calls.length = 0;
        await page.press('#save');
        await page.refuses(why);
        await page.until((w) => document.querySelector('#check').textContent.includes(w), why);
        assert.equal(await page.tab.$eval('#editor [name=value]', (e) => e.getAttribute('aria-invalid')), 'true');
        assert.deepEqual(page.calls.filter((call) => !call.startsWith('GET')), []);
    }
    assert.equal(await valueOf(user, 'note'), '"old"');
    await page.press('#revert');
    assert.equal(await page.value('#editor [name=value]'), '"old"');
});

test('Enter in a field stores nothing, Ctrl+S does', async ({ of }) => {
    const user = await newUser();
    const page = await of(user);
    await page.press('#new');
    await page.fill('#editor [name=value]', '1');
    await page.tab.focus('#editor [name=key]');
    await page.tab.keyboard.type('typed');
    page.calls.length = 0;
    await page.tab.keyboard.press('Enter');
    await page.tab.focus('#editor [name=value]');
    await page.tab.keyboard.press('Enter');
    assert.equal((await itemOf(user, 'typed')).status, 404);
    assert.deepEqual(page.calls.filter((call) => !call.startsWith('GET')), []);
    await page.tab.keyboard.down('Control');
    await page.tab.keyboard.press('s');
    await page.tab.keyboard.up('Control');
    await page.says('Stored typed');
    assert.equal(await valueOf(user, 'typed'), '1');
});

test('a new key never overwrites one that is there, and a refusal leaves no old success', async ({ of }) => {
    const user = await newUser();
    const page = await of(user);
    await page.newKey('first', '"one"');
    await page.says('Stored first');
    await page.row('first');
    await page.newKey('first', '"two"');
    await page.refuses('already exists');
    assert.equal(await valueOf(user, 'first'), '"one"');
    assert.equal(await page.value('#editor [name=value]'), '"two"');
    for (const key of ['', 'a//b', '../a', 'x'.repeat(513)]) {
        await page.fill('#editor [name=key]', key);
        await page.press('#save');
        await page.refuses('The provided key is not valid');
    }
    await page.fill('#editor [name=key]', 'second');
    await page.press('#save');
    await page.says('Stored second');
});

test('unsaved text is not given up without being asked', async ({ of }) => {
    const user = await newUser();
    await put(user, { one: '1', two: '2' });
    const page = await of(user);
    await page.choose('one');
    await page.fill('#editor [name=value]', '11');
    await page.tab.evaluate(() => { location.hash = '#keys/two'; });
    await page.answer(false);
    await page.until(() => location.hash === '#keys/one');
    assert.equal(await page.value('#editor [name=value]'), '11');
    await page.view('account');
    await page.shown('#usage');
    await page.tab.goBack();
    await page.shown('#editor');
    assert.equal(await page.value('#editor [name=value]'), '11');
    await page.tab.evaluate(() => { location.hash = '#keys/two'; });
    await page.answer(true);
    await page.until(() => document.querySelector('#h-item').textContent === 'two');
    assert.equal(await valueOf(user, 'one'), '1');
});

test('deleting asks, can be undone for ten seconds with every digit, and the list follows', async ({ of }) => {
    const user = await newUser();
    await put(user, { note: EXACT, other: '1' });
    const page = await of(user);
    await page.choose('note');
    await page.stopClock(); // ten seconds may be short for a busy machine
    await page.press('#delete');
    await page.looksGood('question');
    await page.answer(false);
    assert.equal(await valueOf(user, 'note'), EXACT);
    await page.press('#delete');
    await page.answer(true);
    await page.shown('#undo-it');
    assert.equal((await itemOf(user, 'note')).status, 404);
    await page.noRow('note');
    await page.row('other');
    await page.hidden('#editor');
    assert.equal(await page.tab.evaluate(() => document.activeElement.id), 'undo-it');
    await page.press('#undo-it');
    await page.says('note is back');
    assert.equal(await valueOf(user, 'note'), EXACT);
    await page.shown('#editor');
    assert.equal(await page.value('#editor [name=value]'), EXACT);
    // Where the key is in use again, undoing leaves that alone.
    await page.press('#delete');
    await page.answer(true);
    await page.shown('#undo-it');
    await put(user, { note: '"theirs"' });
    await page.press('#undo-it');
    await page.refuses('in use again');
    assert.equal(await valueOf(user, 'note'), '"theirs"');
});

test('the chance to undo ends after ten seconds', async ({ of }) => {
    const user = await newUser();
    await put(user, { note: '1' });
    const page = await of(user);
    await page.choose('note');
    const setOn = await page.stopClock();
    await page.press('#delete');
    await page.answer(true);
    await page.shown('#undo-it');
    await setOn(5000);
    await page.until(() => document.querySelector('#undo-left').textContent === '5 s');
    await page.shown('#undo-it');
    await setOn(5000);
    await page.hidden('#undo-it');
    assert.equal((await itemOf(user, 'note')).status, 404);
});

test('deleting what was changed meanwhile deletes nothing', async ({ of }) => {
    const user = await newUser();
    await put(user, { note: '"old"' });
    const page = await of(user);
    await page.choose('note');
    await page.press('#delete');
    await put(user, { note: '"theirs"' });
    await page.answer(true);
    await page.refuses('Nothing was deleted');
    assert.equal(await valueOf(user, 'note'), '"theirs"');
    await page.until(() => document.querySelector('#editor [name=value]').value === '"theirs"');
});

test('a conflict shows both versions side by side, and the user decides', async ({ of, width }) => {
    const user = await newUser();
    await put(user, { note: '{"same": 1.0, "who": "nobody"}' });
    const page = await of(user);
    await page.choose('note');
    const conflict = async (mine, theirs) => {
        await page.fill('#editor [name=value]', mine);
        await put(user, { note: theirs });
        await page.press('#save');
        await page.shown('#conflict');
    };
    await conflict('{"same": 1.0, "who": "me"}', '{"same": 1.0, "who": "them <b>"}');
    assert.deepEqual(await page.tab.$$eval('#conflict mark', (marks) => marks.map((e) => e.textContent)), ['  "who": "me"', '  "who": "them <b>"']);
    const [left, right] = await page.tab.$$eval('#conflict pre', (all) => all.map((e) => e.getBoundingClientRect().toJSON()));
    assert.ok(left.right <= right.left && left.top < right.bottom && right.top < left.bottom && right.right <= width, 'side by side');
    await page.looksGood('conflict');
    await page.press('#go-on');
    await page.refuses('Not saved');
    assert.equal(await page.value('#editor [name=value]'), '{"same": 1.0, "who": "me"}');
    assert.equal(await valueOf(user, 'note'), '{"same": 1.0, "who": "them <b>"}');
    await page.press('#save');
    await page.shown('#conflict');
    await page.tab.keyboard.press('Escape');
    await page.refuses('Not saved');
    await page.press('#save');
    await page.shown('#conflict');
    await page.press('#take-mine');
    await page.says('Saved note');
    assert.equal(await valueOf(user, 'note'), '{"same": 1.0, "who": "me"}');
    await conflict('"mine"', '1e400');
    await page.press('#take-theirs');
    await page.says('what the server has');
    assert.equal(await page.value('#editor [name=value]'), '1e400');
    // Deleted meanwhile.
    await page.fill('#editor [name=value]', '1.0');
    await api('DELETE', '/data?key=note', { token: user.token });
    await page.press('#save');
    await page.answer(true);
    await page.says('Stored note again');
    assert.equal(await valueOf(user, 'note'), '1.0');
});

test('duplicates and renames, never over a key that is there', async ({ of }) => {
    const user = await newUser();
    await put(user, { 'a/one': EXACT, 'a/two': '2' });
    const page = await of(user);
    await page.choose('one', 'a/one');
    await page.press('#duplicate');
    await page.until(() => document.querySelector('#editor [name=key]').value === 'a/one copy' && document.querySelector('#key-field').checkVisibility());
    await page.press('#save');
    await page.says('Stored a/one copy');
    assert.equal(await valueOf(user, 'a/one copy'), EXACT);
    await page.choose('one', 'a/one');
    await page.press('#rename');
    await page.fill('#question-fields input', 'a/two');
    await page.answer(true);
    await page.refuses('There is a key a/two already');
    assert.equal(await valueOf(user, 'a/one'), EXACT);
    assert.equal(await valueOf(user, 'a/two'), '2');
    await page.press('#rename');
    await page.fill('#question-fields input', 'b/100%/x y');
    await page.answer(true);
    await page.says('Renamed to b/100%/x y');
    assert.equal((await itemOf(user, 'a/one')).status, 404);
    assert.equal(await valueOf(user, 'b/100%/x y'), EXACT);
    await page.noRow('one');
    await page.row('x y');
    await page.press('#rename');
    await put(user, { 'b/100%/x y': '"theirs"' });
    await page.fill('#question-fields input', 'c');
    await page.answer(true);
    await page.refuses('changed meanwhile');
    assert.equal(await valueOf(user, 'b/100%/x y'), '"theirs"');
    await page.press('#rename');
    await page.fill('#question-fields input', 'a//b');
    await page.answer(true);
    await page.refuses('key: must not have an empty segment');
});

test('a time to live is set, kept, cleared, and the end is seen', async ({ of }) => {
    const user = await newUser();
    const page = await of(user);
    const end = async (key) => (await itemOf(user, key)).json.data.expires_at;
    await page.press('#new');
    await page.fill('#editor [name=key]', 'code');
    await page.fill('#editor [name=value]', '4711');
    await page.fill('#editor [name=expiry]', 'other');
    await page.fill('#editor [name=seconds]', 'soon');
    await page.press('#save');
    await page.refuses('ttl');
    await page.fill('#editor [name=seconds]', '600');
    await page.press('#save');
    await page.says('Stored code');
    const first = await end('code');
    assert.equal(Date.parse(first) - Date.parse((await itemOf(user, 'code')).json.data.updated_at), 600000);
    await page.fill('#editor [name=value]', '1.0');
    await page.press('#save');
    await page.says('version 2');
    assert.equal(await end('code'), first);
    assert.equal(await valueOf(user, 'code'), '1.0');
    await page.press('#rename');
    await page.fill('#question-fields input', 'codes');
    await page.answer(true);
    await page.says('Renamed');
    assert.ok(Math.abs(Date.parse(await end('codes')) - Date.parse(first)) < 30000);
    await page.fill('#editor [name=expiry]', '');
    await page.press('#save');
    await page.says('Saved codes');
    assert.equal(await end('codes'), undefined);
    await page.fill('#editor [name=expiry]', 'other');
    await page.fill('#editor [name=seconds]', '1');
    await page.press('#save');
    await page.says('Saved codes');
    await page.noRow('codes');
    await page.until(() => document.querySelector('#notice').textContent.includes('expired') || document.querySelector('#notice').textContent.includes('deleted'));
});

test('live: what is written and deleted elsewhere is seen at once', async ({ of }) => {
    const user = await newUser();
    await put(user, { note: '"old"', gone: '1' });
    const page = await of(user);
    await page.row('gone');
    await put(user, { 'made/elsewhere': '1' });
    await page.row('made/');
    await api('DELETE', '/data?key=gone', { token: user.token });
    await page.noRow('gone');
    await page.until(() => document.querySelector('#count').textContent === '2 keys');
    await page.choose('note');
    await put(user, { note: '9007199254740993' });
    await page.until(() => document.querySelector('#editor [name=value]').value === '9007199254740993');
    // What is being edited stays.
    await page.fill('#editor [name=value]', '"mine"');
    await put(user, { note: '"theirs"' });
    await page.press('#compare');
    await page.shown('#conflict');
    assert.equal(await page.text('#mine'), '"mine"');
    assert.equal(await page.text('#theirs'), '"theirs"');
    await page.press('#go-on');
    await api('DELETE', '/data?key=note', { token: user.token });
    await page.until(() => document.querySelector('#notice').textContent.includes('note was deleted elsewhere'));
    assert.equal(await page.value('#editor [name=value]'), '"mine"');
});

test('a tree with counts, pages and search', async ({ of }) => {
    const user = await newUser();
    for (const [from, to] of [[0, 450], [450, 900]]) {
        const operations = [];
        for (let i = from; i < to; i++) operations.push({ op: 'create', key: `log/${String(i).padStart(4, '0')}`, value: i });
        assert.equal((await api('POST', '/batch', { token: user.token, body: { operations } })).status, 200);
    }
    await put(user, { 'zoo/ape/Koko': '"last"', 'zoo': '1' });
    const page = await of(user);
    await page.until(() => document.querySelector('#count').textContent === '500 of 902 keys');
    await page.until(() => document.querySelector('#tree li').textContent === 'log/500 keys or more');
    await page.looksGood('tree');
    await page.tap(() => page.row('log/'));
    await page.row('0199');
    await page.noRow('0200');
    await page.tap(() => page.row('300 more…'));
    await page.row('0399');
    await page.noRow('zoo');
    await page.press('#more');
    await page.until(() => document.querySelector('#count').textContent === '902 keys');
    await page.hidden('#more');
    await page.row('zoo');
    await page.row('zoo/');
    // The search loads what it needs to find.
    await page.tab.reload();
    await page.live();
    await page.until(() => document.querySelector('#count').textContent === '500 of 902 keys');
    await page.fill('#search', 'APE/kok');
    await page.row('Koko');
    await page.until(() => document.querySelector('#count').textContent === '1 key of 902 found');
    await page.choose('Koko', 'zoo/ape/Koko');
    if (await page.tab.$eval('#back', (e) => e.checkVisibility())) await page.press('#back a');
    await page.fill('#search', 'nothing like it');
    await page.until(() => document.querySelector('#count').textContent === '0 keys of 902 found');
});

test('hostile keys and values are text, whatever is in them', async ({ of }) => {
    const user = await newUser();
    const attack = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>';
    const names = ['<img src=x onerror="window.pwned=1">', '100%', '%2F', '%', 'a b', '..a', 'a.', '?key=x&y', '#keys', '"\'`', '\\', '日記', '\u202egnp.exe', '&lt;', '{{7*7}}', '__proto__', 'constructor', '+', ';', '😀', '\ue000'];
    await put(user, Object.fromEntries(names.map((name, i) => [name, `"${i} <img src=x onerror='window.pwned=1'>"`])));
    await put(user, { 'x/<svg onload=window.pwned=1>/y': JSON.stringify(attack), '__proto__/toString': '1' });
    const page = await of(user);
    for (const [i, name] of names.entries()) {
        await page.choose(name);
        await page.until((n) => document.querySelector('#editor [name=value]').value.startsWith(`"${n} `), i);
    }
    await page.choose('toString', '__proto__/toString');
    await page.choose('y', 'x/<svg onload=window.pwned=1>/y');
    assert.equal(await page.value('#editor [name=value]'), JSON.stringify(attack));
    await page.press('#rename');
    await page.fill('#question-fields input', attack.replaceAll('/', ''));
    await page.answer(true);
    await page.says('Renamed');
    await page.stopClock();
    await page.press('#delete');
    await page.answer(true);
    await page.shown('#undo-it');
    // Token names, too.
    await page.view('tokens');
    await page.fill('#make [name=name]', names[0]);
    await page.press('#make button');
    await page.shown('#made');
    await page.until((n) => [...document.querySelectorAll('#tokens strong')].some((e) => e.textContent === n), names[0]);
    // The policy holds where an attacker would get in after all, which the browser tells sooner or later.
    page.expected = /Security Policy|TrustedHTML|TrustedScript|Trusted Type/;
    const refused = await page.tab.evaluate(() => {
        try {
            document.body.innerHTML = '<b>x</b>';
            return false;
        } catch {
            return true;
        }
    });
    assert.ok(refused, 'markup cannot be made of text');
    await page.tab.evaluate(() => {
        const script = document.createElement('script');
        try {
            script.textContent = 'window.pwned = 1';
            document.body.append(script);
        } catch {
            // refused at once
        }
    });
    assert.equal(await page.tab.evaluate(() => window.pwned), undefined);
    assert.equal(await page.tab.$$eval('img, main svg', (all) => all.length), 0);
    await eventually(() => page.told.some((text) => /TrustedHTML/.test(text)) && page.told.some((text) => /TrustedScript/.test(text)));
});

test('what indenting has made too large can be made compact again', async ({ of }) => {
    const user = await newUser();
    const value = `[${Array(90000).fill('1').join()}]`;
    await put(user, { k: value });
    const page = await of(user);
    await page.choose('k');
    await page.until((n) => document.querySelector('#editor [name=value]').value.length === n, value.length);
    await page.tab.evaluate(() => document.querySelector('#indent').click());
    await page.until(() => document.querySelector('#check').textContent.includes('256 KiB are allowed'));
    await page.tab.evaluate(() => document.querySelector('#compact').click());
    await page.until((n) => document.querySelector('#editor [name=value]').value.length === n, value.length);
    assert.match(await page.text('#check'), /^JSON: array/);
});

test('blanks in a key are shown, every one', async ({ of }) => {
    const user = await newUser();
    await put(user, { 'two  blanks': '1', 'two blanks': '2' });
    const page = await of(user);
    await page.choose('two  blanks');
    assert.equal(await page.tab.$eval('#h-item', (e) => e.innerText), 'two  blanks');
    await page.press('#delete');
    await page.shown('#question');
    assert.match(await page.tab.$eval('#h-question', (e) => e.innerText), /two  blanks/);
    await page.answer(true);
    await page.until(() => document.querySelector('#undo-what').innerText.includes('two  blanks'));
    assert.equal(await valueOf(user, 'two blanks'), '2');
});

test('beyond the quota nothing is stored, and the reason is told', async ({ of }) => {
    const user = await newUser();
    const page = await of(user);
    const large = `"${'x'.repeat(200000)}"`;
    await page.newKey('one', large);
    await page.says('Stored one');
    await page.newKey('two', large);
    await page.refuses('used up');
    assert.equal((await itemOf(user, 'two')).status, 404);
    assert.equal(await page.value('#editor [name=value]'), large);
});

test('works by the keyboard alone', async ({ of }) => {
    const user = await newUser();
    await put(user, { 'a/one': '1', 'a/two': '2', 'b': '3' });
    const page = await of(user);
    const { keyboard } = page.tab;
    await page.row('one');
    const focused = () => page.tab.evaluate(() => (document.activeElement.querySelector('.free') || document.activeElement).textContent);
    await page.tab.focus('#search');
    await keyboard.press('Tab');
    await keyboard.press('Tab');
    assert.equal(await focused(), 'a/');
    await keyboard.press('ArrowLeft');
    assert.equal(await page.tab.$$eval('#tree li', (all) => all.length), 2);
    await keyboard.press('ArrowRight');
    await keyboard.press('ArrowRight');
    await keyboard.press('ArrowDown');
    assert.equal(await focused(), 'two');
    await keyboard.press('ArrowLeft');
    assert.equal(await focused(), 'a/');
    await keyboard.press('End');
    assert.equal(await focused(), 'b');
    await keyboard.press('o');
    assert.equal(await focused(), 'one');
    assert.equal(await page.tab.$$eval('#tree [tabindex="0"]', (all) => all.length), 1);
    await keyboard.press('Enter');
    await page.until(() => document.activeElement.id === 'h-item' && document.activeElement.textContent === 'a/one');
    await keyboard.press('Tab');
    assert.equal(await page.tab.evaluate(() => document.activeElement.name), 'value');
    await page.tab.focus('#delete');
    await keyboard.press('Enter');
    await page.shown('#question');
    assert.equal(await page.tab.evaluate(() => document.activeElement.id), 'question-no');
    await keyboard.press('Escape');
    await page.hidden('#question');
    assert.equal(await page.tab.evaluate(() => document.activeElement.id), 'delete');
    assert.equal(await valueOf(user, 'a/one'), '1');
});

// ---- account, tokens, transfer -------------------------------------------------------------------

test('the account: profile, use of the quota, password', async ({ of }) => {
    const user = await newUser();
    await put(user, { note: '"x"' });
    const page = await of(user);
    await page.view('account');
    await page.until(() => document.querySelectorAll('#usage meter').length === 3);
    assert.match(await page.text('#usage'), /Keys1 of 100,000.*Values3 bytes of 293 KiB.*Device tokens0 of 100/);
    assert.deepEqual(await page.tab.$$eval('#usage meter', (all) => all.map((e) => [e.value, e.max])), [[1, 100000], [3, 300000], [0, 100]]);
    await page.looksGood('account');
    await page.fill('#profile [name=full_name]', 'Ada <b>King');
    await page.fill('#profile [name=age]', '151');
    await page.press('#profile button');
    await page.refuses('Invalid age value');
    await page.fill('#profile [name=age]', '37');
    await page.press('#profile button');
    await page.says('The profile is saved');
    const { data } = (await api('GET', '/me', { token: user.token })).json;
    assert.deepEqual([data.full_name, data.age], ['Ada <b>King', 37]);
    const change = async (old, next) => {
        await page.fill('#password [name=current_password]', old);
        await page.fill('#password [name=new_password]', next);
        await page.press('#password button');
    };
    await change('Wrong-1234', 'Difference-2');
    await page.refuses('Invalid credentials');
    await change(PASSWORD, 'short');
    await page.refuses('does not meet the requirements');
    await change(PASSWORD, 'Difference-2');
    await page.says('The password is changed');
    assert.equal((await api('GET', '/me', { token: user.token })).status, 401);
    assert.doesNotMatch(await page.tab.evaluate(() => document.body.textContent), /Analytical-1|Difference-2/);
    // The page goes on with the token that the change gave.
    await page.view('keys');
    await page.choose('note');
    await page.live();
    await page.tab.reload();
    await page.live();
});

test('ends all sessions only when told so', async ({ of }) => {
    const user = await newUser();
    const page = await of(user, '#account');
    await page.press('#end-all');
    await page.answer(false);
    assert.equal((await api('GET', '/me', { token: user.token })).status, 200);
    await page.press('#end-all');
    await page.answer(true);
    await page.says('All sessions and device tokens are ended');
    await page.shown('#sign-in');
    assert.equal((await api('GET', '/me', { token: user.token })).status, 401);
});

test('deletes the account only with its name and its password', async ({ of }) => {
    const user = await newUser();
    await put(user, { note: '1' });
    const page = await of(user, '#account');
    const attempt = async (name, password) => {
        await page.press('#delete-account');
        await page.fill('#question-fields [name=username]', name);
        await page.fill('#question-fields [name=password]', password);
        await page.answer(true);
    };
    await attempt('somebody', PASSWORD);
    await page.refuses('Nothing was deleted');
    await attempt(user.name, 'Wrong-1234');
    await page.refuses('Invalid credentials');
    assert.equal(await valueOf(user, 'note'), '1');
    await page.live();
    await attempt(user.name, PASSWORD);
    await page.says(`The account ${user.name} is deleted`);
    await page.signIn(user.name);
    await page.refuses('Invalid credentials');
});

test('device tokens: made, shown once, used by the line that is shown, ended', async ({ of }) => {
    const user = await newUser();
    await put(user, { 'sensor/a b': '1.0', other: '2' });
    const page = await of(user, '#tokens');
    await page.shown('#no-tokens');
    await page.fill('#make [name=name]', 'thermometer');
    await page.fill('#make [name=scope]', 'write');
    await page.fill('#make [name=prefix]', 'sensor/');
    await page.fill('#make [name=ttl]', '86400');
    await page.press('#make button');
    await page.says('Made thermometer');
    await page.shown('#made');
    await page.shown('#tokens li');
    await page.looksGood('tokens');
    const token = await page.text('#made-token');
    assert.match(token, /^cubby_/);
    assert.match(await page.text('#tokens'), /thermometer.*Reads and writes sensor\/.*never used.*ends/);
    const said = execFileSync('sh', ['-c', await page.text('#made-curl')], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    assert.match(said, /"sensor\/a b","value":1\.0/);
    assert.doesNotMatch(said, /other/);
    await page.context.overridePermissions(origin, ['clipboard-read', 'clipboard-write', 'clipboard-sanitized-write']);
    await page.tab.bringToFront();
    await page.press('#copy-token');
    await page.says('Copied');
    assert.equal(await page.tab.evaluate(() => navigator.clipboard.readText()), token);
    assert.doesNotMatch(await page.tab.$eval('#talk', (e) => e.textContent), new RegExp(token));
    await page.view('keys');
    await page.view('tokens');
    await page.shown('#tokens li');
    assert.ok(!(await page.tab.evaluate(() => document.documentElement.outerHTML)).includes(token), 'shown once');
    await page.press('#tokens li button');
    await page.answer(false);
    assert.equal((await api('GET', '/data?prefix=sensor/', { token })).status, 200);
    await page.press('#tokens li button');
    await page.answer(true);
    await page.says('thermometer is ended');
    await page.shown('#no-tokens');
    assert.equal((await api('GET', '/data?prefix=sensor/', { token })).status, 401);
    await page.fill('#make [name=name]', 'x');
    await page.fill('#make [name=prefix]', 'x'.repeat(513));
    await page.press('#make button');
    await page.refuses('prefix');
    await page.hidden('#made');
});

// Makes a token with the API, and shows the list with it once.
async function listOfTokens({ of }) {
    const user = await newUser();
    const { json } = await api('POST', '/keys', { token: user.token, body: { name: 'thermometer', scope: 'read' } });
    const page = await of(user, '#tokens');
    await page.shown('#tokens li');
    return { user, page, device: json.token };
}

test('a button of a list that is fetched again works before its answer is there', async (tools) => {
    const { page, device } = await listOfTokens(tools);
    await page.view('keys');
    const release = await holdBack(page, /GET .*\/keys$/);
    await page.view('tokens');
    await page.press('#tokens li button');
    await page.answer(false);
    assert.equal((await api('GET', '/data', { token: device })).status, 200);
    await page.press('#tokens li button');
    await page.answer(true);
    await release();
    await page.says('thermometer is ended');
    await page.shown('#no-tokens');
    assert.equal((await api('GET', '/data', { token: device })).status, 401);
});

test('an answer that puts a list up to date takes neither a click nor the focus from what stays in it', async (tools) => {
    const { user, page, device } = await listOfTokens(tools);
    await put(user, { one: '1', two: '2' });
    const at = (selector) => page.tab.$eval(selector, (e) => {
        e.scrollIntoView({ block: 'center' });
        const { left, top, width, height } = e.getBoundingClientRect();
        return [left + width / 2, top + height / 2];
    });
    await page.view('keys');
    const release = await holdBack(page, /GET .*\/keys$/);
    await page.view('tokens');
    assert.equal((await api('GET', '/data', { token: device })).status, 200);
    assert.match(await page.text('#tokens'), /never used/);
    await page.tab.mouse.move(...await at('#tokens li button'));
    await page.tab.mouse.down();
    await release();
    await page.until(() => document.querySelector('#tokens').textContent.includes('last used'));
    assert.equal(await page.tab.evaluate(() => document.activeElement.textContent), 'End…');
    await page.tab.mouse.up();
    await page.answer(false);
    // The tree, as a key comes behind the row that is pressed, and the one before the row with the focus goes.
    await page.view('keys');
    await page.row('two');
    await page.tab.mouse.move(...await at('#tree li:nth-child(2)'));
    await page.tab.mouse.down();
    await put(user, { zoo: '1' });
    await page.row('zoo');
    await page.tab.mouse.up();
    await page.until(() => document.querySelector('#h-item').textContent === 'two');
    if (await page.tab.$eval('#back', (e) => e.checkVisibility())) await page.press('#back a');
    await page.tab.focus('#tree li:nth-child(2)');
    await api('DELETE', '/data?key=one', { token: user.token });
    await page.noRow('one');
    assert.equal(await page.tab.evaluate(() => document.activeElement.textContent), 'two');
});

test('the tree stays as it is while the keys are loaded anew', async ({ of }) => {
    const user = await newUser();
    await put(user, { 'a/one': '1', 'b/two': '2' });
    const page = await of(user);
    await page.row('two');
    await page.tap(() => page.row('a/')); // shuts it
    await page.noRow('one');
    await page.view('account');
    const release = await holdBack(page, /GET .*\/data\?limit=/);
    await page.fill('#password [name=current_password]', PASSWORD);
    await page.fill('#password [name=new_password]', 'Difference-2');
    const anew = page.tab.waitForRequest((request) => /\/data\?limit=/.test(request.url()));
    await page.press('#password button');
    await anew;
    await page.says('The password is changed');
    await page.view('keys');
    await page.tab.focus('#tree li:nth-child(3)');
    const seen = () => page.tab.evaluate(() => [...document.querySelectorAll('#tree .free')].map((e) => e.textContent));
    assert.deepEqual(await seen(), ['a/', 'b/', 'two']);
    const { json } = await api('POST', '/token', { body: { username: user.name, password: 'Difference-2' } });
    await put({ token: json.token }, { c: '1' });
    await release();
    await page.row('c');
    await page.live();
    assert.deepEqual(await seen(), ['a/', 'b/', 'two', 'c']);
    assert.equal(await page.tab.evaluate(() => document.activeElement.textContent), 'two');
});

test('what is pressed while the page is at work has its turn, and what is typed meanwhile is kept', async ({ of }) => {
    const user = await newUser();
    await put(user, { note: '"old"' });
    const page = await of(user);
    await page.choose('note');
    const saving = /(PUT|POST) .*\/data\?key=/;
    let release = await holdBack(page, saving);
    await page.fill('#editor [name=value]', '"new"');
    await page.press('#save');
    await page.press('#delete');
    await page.fill('#editor [name=value]', '"newer"');
    await page.hidden('#question');
    await release();
    await page.shown('#question');
    assert.equal(await valueOf(user, 'note'), '"new"');
    await page.answer(false);
    assert.equal(await page.value('#editor [name=value]'), '"newer"');
    await page.press('#save');
    await page.says('version 3');
    assert.equal(await valueOf(user, 'note'), '"newer"');
    // Not upon what the user has gone on to.
    await put(user, { other: '1' });
    await page.row('other');
    await page.fill('#editor [name=value]', '"newest"');
    release = await holdBack(page, saving);
    await page.press('#save');
    await page.press('#delete');
    await page.tab.evaluate(() => { location.hash = '#tokens'; });
    await release();
    await page.says('Saved note');
    await page.shown('#no-tokens');
    assert.equal(await page.tab.$$eval('[aria-busy], dialog[open]', (all) => all.length), 0);
    // What is typed into the profile stays, however late the answer.
    release = await holdBack(page, /GET .*\/me$/);
    await page.view('account');
    await page.fill('#profile [name=full_name]', 'Ada King');
    await release();
    await page.until(() => document.querySelectorAll('#usage meter').length === 3);
    assert.equal(await page.value('#profile [name=full_name]'), 'Ada King');
    assert.equal(await page.value('#profile [name=age]'), '36');
    await page.press('#profile button');
    await page.says('The profile is saved');
    assert.equal((await api('GET', '/me', { token: user.token })).json.data.full_name, 'Ada King');
});

test('exports and imports with every digit, and refuses what is no export', async ({ of }) => {
    const user = await newUser();
    await put(user, { 'a/exact': EXACT });
    const page = await of(user, '#transfer');
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'console-'));
    const session = await page.tab.createCDPSession();
    await session.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: folder, browserContextId: page.context.id });
    // Each step of the progress that is shown.
    await page.tab.evaluate(() => {
        window.steps = [];
        new MutationObserver(() => window.steps.push(`${document.querySelector('#export-progress span').textContent}${document.querySelector('#import-progress span').textContent}`))
            .observe(document.querySelector('#view-transfer'), { subtree: true, childList: true, characterData: true });
    });
    await page.press('#export');
    await page.says('Exported');
    assert.ok((await page.tab.evaluate(() => window.steps)).some((step) => /^\d+ bytes of \d+ bytes/.test(step)));
    const file = path.join(folder, `cubby-${user.name}.json`);
    await eventually(() => fs.existsSync(file) && fs.readFileSync(file, 'utf8').includes(EXACT));
    const load = async (name, text, mode) => {
        if (text !== null) fs.writeFileSync(path.join(folder, name), text);
        await (await page.tab.$('#import [name=file]')).uploadFile(path.join(folder, name));
        await page.fill('#import [name=mode]', mode);
        await page.press('#import button');
    };
    await load('bad.json', '{"items": [{"key": "x"', 'merge');
    await page.refuses('body:');
    await load('bad.json', '{"items": [{"key": "x", "value": null}]}', 'merge');
    await page.says('', true);
    assert.equal((await itemOf(user, 'x')).status, 404);
    await put(user, { later: '1', 'a/exact': '0' });
    await load(path.basename(file), null, 'merge');
    await page.says('Imported 1 key.');
    assert.ok((await page.tab.evaluate(() => window.steps)).some((step) => step.includes('the server stores it')));
    assert.equal(await valueOf(user, 'a/exact'), EXACT);
    assert.equal(await valueOf(user, 'later'), '1');
    await load(path.basename(file), null, 'replace');
    await page.answer(false);
    assert.equal(await valueOf(user, 'later'), '1');
    await page.press('#import button');
    await page.answer(true);
    await page.says('removed');
    assert.equal((await itemOf(user, 'later')).status, 404);
    await page.looksGood('transfer');
    await page.view('keys');
    await page.row('exact');
    await page.noRow('later');
    fs.rmSync(folder, { recursive: true });
});

test('the last call as curl does the same again, and has neither token nor password', async ({ of }) => {
    const user = await newUser();
    await put(user, { 'it\'s/100% $HOME `id`': '1' });
    const page = await of(user);
    await page.press('#talk summary');
    assert.match(await page.text('#request'), /\/token' [^]*"password":"…"/);
    await page.choose('100% $HOME `id`', 'it\'s/100% $HOME `id`');
    await page.fill('#editor [name=value]', `{"it's": "$TOKEN \\"x\\" 'y' ${user.token}", "n": 1.0}`);
    await page.press('#save');
    await page.says('Saved');
    await page.looksGood('curl');
    const line = await page.text('#request');
    assert.match(await page.text('#answer'), /^200\n\{"status":"success"/);
    const { token } = await page.tab.evaluate(() => JSON.parse(sessionStorage.getItem('cubby-session')));
    const whole = await page.tab.evaluate(() => document.documentElement.outerHTML);
    assert.ok(!whole.includes(token) && !whole.includes(PASSWORD), 'no secret in the page');
    const again = execFileSync('sh', ['-c', line], { encoding: 'utf8', env: { PATH: process.env.PATH, TOKEN: token }, stdio: ['ignore', 'pipe', 'ignore'] });
    assert.match(again, /PRECONDITION_FAILED/); // the version it names is gone by now
    const value = await valueOf(user, 'it\'s/100% $HOME `id`');
    const fresh = line.replace(/&if_match=[^']*/, '');
    execFileSync('sh', ['-c', fresh], { env: { PATH: process.env.PATH, TOKEN: token }, stdio: 'ignore' });
    assert.equal(await valueOf(user, 'it\'s/100% $HOME `id`'), value);
    assert.equal((await itemOf(user, 'it\'s/100% $HOME `id`')).json.data.version, 3);
    await page.press('#sign-out');
    await page.says('Signed out');
    await page.hidden('#talk');
    assert.equal(await page.text('#request'), '');
});

for (const name of fs.readdirSync('build/docs').filter((file) => file.endsWith('.html'))) {
    test(`documentation: ${name} is without fault by axe, and no wider than the screen`, async ({ open }) => {
        const page = await open(`${origin}/docs/${name}`);
        await page.looksGood(`docs-${path.basename(name, '.html')}`);
        // Its style is there, and what is in the contents list leads to a heading.
        assert.equal(await page.tab.evaluate(() => document.styleSheets.length), 1);
        const away = await page.tab.evaluate(() => [...document.querySelectorAll('.contents a')].filter((a) => !document.querySelector(`main :is(h2, h3)[id="${a.hash.slice(1)}"]`)).length);
        assert.equal(away, 0);
    });
}

test('documentation: the console leads there, and back', async ({ open }) => {
    const page = await open();
    await page.press('footer a[href="docs/index.html"]');
    await page.shown('main h1');
    await page.press('header nav a[href="api.html"]');
    await page.until(() => document.querySelector('h1')?.textContent === 'The API');
    await page.press('header p a');
    await page.shown('#welcome');
});

test('the page is served beside other pages as well, and refuses to be framed', async ({ open }) => {
    const user = await newUser();
    if (base.endsWith('/api')) {
        const page = await open(origin + '/cubby/');
        await page.signIn(user.name);
        await page.live();
    }
    const page = await open(origin + '/openapi.json');
    page.expected = /^Framing .* "frame-ancestors 'none'"/; // the browser says that it was refused, sooner or later
    await page.tab.setBypassCSP(true);
    await page.tab.evaluate(() => {
        const frame = document.createElement('iframe');
        frame.src = '/';
        document.body.append(frame);
    });
    // Refused by the server's header, or, where the server knows none, by the page itself.
    await page.until(() => {
        try {
            const [service, welcome] = ['#service', '#welcome'].map((one) => frames[0].document.querySelector(one));
            return Boolean(service) && service.textContent.includes('inside of another') && !welcome.checkVisibility();
        } catch (error) {
            return error.name === 'SecurityError';
        }
    });
});
