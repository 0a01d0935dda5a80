// console.js - the page: keys and values, account, device tokens, export and import.
//
// Whatever comes from the server gets into the page as text. Values are handled as the text of their
// JSON (json_text.js), never as numbers of JavaScript. The session lives in sessionStorage alone.
'use strict';

const $ = (id) => document.getElementById(id);

function el(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (typeof value === 'function') made.addEventListener(name, value);
    else if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

const pause = (milliseconds) => new Promise((done) => { setTimeout(done, milliseconds); });
const number = (n) => n.toLocaleString();
const keysOf = (n) => `${number(n)} ${n === 1 ? 'key' : 'keys'}`;
const bytesOf = (text) => new TextEncoder().encode(text).length;
const size = (n) => {
  if (n < 1024) return n === 1 ? '1 byte' : `${n} bytes`;
  const power = Math.min(Math.floor(Math.log2(n) / 10), 4);
  return `${Number((n / 1024 ** power).toFixed(1))} ${['', 'KiB', 'MiB', 'GiB', 'TiB'][power]}`;
};
const time = (text) => el('time', { datetime: text }, new Date(text).toLocaleString());

// ---- what is said --------------------------------------------------------------------------------

// One message at a time: a new one takes the place of the old one, good or bad.
function say(text, bad = false) {
  $('message').hidden = !text;
  $('message').classList.toggle('wrong', bad);
  $('good').textContent = bad ? '' : text;
  $('bad').textContent = bad ? text : '';
}

let undoing = null; // {until, act}
function offerUndo(what, act) {
  undoing = { until: Date.now() + 10000, act };
  $('undo-what').textContent = what;
  $('undo').hidden = false;
  $('undo-it').focus();
  tickUndo(undoing);
}

async function tickUndo(mine) {
  while (undoing === mine && Date.now() < mine.until) {
    $('undo-left').textContent = `${Math.ceil((mine.until - Date.now()) / 1000)} s`;
    await pause(250);
  }
  if (undoing === mine) endUndo();
}

function endUndo() {
  const held = $('undo').contains(document.activeElement);
  undoing = null;
  $('undo').hidden = true;
  if (held && session) focusTree();
}

// Asks in a dialog. FIELDS are attributes of inputs, `label` among them. Gives their values by name, or null.
function question(title, text, yes, { fields = [], danger = false } = {}) {
  const dialog = $('question');
  $('h-question').textContent = title;
  $('question-text').textContent = text;
  $('question-yes').textContent = yes;
  $('question-yes').classList.toggle('danger', danger);
  $('question-fields').replaceChildren(...fields.map(({ label, ...rest }) =>
    el('label', {}, label + ' ', el('input', { required: '', autocomplete: 'off', ...rest }))));
  return new Promise((done) => {
    let result = null;
    $('question-form').onsubmit = (event) => {
      event.preventDefault();
      result = Object.fromEntries(new FormData(event.target));
      dialog.close();
    };
    $('question-no').onclick = () => dialog.close();
    dialog.onclose = () => {
      $('question-fields').replaceChildren();
      done(result);
    };
    dialog.showModal();
    ($('question-fields').querySelector('input') || $(danger ? 'question-no' : 'question-yes')).focus();
  });
}

// Puts LINES into LIST. What was in it already stays where it is, and keeps the focus and a click that is under way.
function arrange(list, lines) {
  const stay = new Set(lines);
  for (const line of [...list.children]) if (!stay.has(line)) line.remove();
  let next = list.firstElementChild;
  for (const line of lines) {
    if (line === next) next = next.nextElementSibling;
    else list.insertBefore(line, next);
  }
}

// Gives a function that tells whether the place where BUTTON was pressed is still there: in the same session and shown,
// and for a button beside a value with the same key.
function scene(button) {
  const { signal } = ended;
  const key = button.closest('#open') && item && item.key;
  return () => signal === ended.signal && button.checkVisibility() && (key === null || Boolean(item) && item.key === key);
}

// One action at a time, but for those beside it, of which one for each button. What is pressed meanwhile has its
// turn after it, if the button is still there; where the user has gone to meanwhile is shown after it. What fails is
// said, and what was said before is gone. A long action shows its progress itself.
let busy = null; // ends with the action
async function act(button, what, { long = false, beside = long, silent = false } = {}) {
  if (button ? button.hasAttribute('aria-busy') : busy && !beside) return;
  if (button) button.setAttribute('aria-busy', 'true');
  let end = () => {};
  if (!beside) {
    const stands = button && scene(button);
    while (busy) await busy;
    if (stands && !stands()) return button.removeAttribute('aria-busy');
    busy = new Promise((done) => { end = done; });
  }
  if (!silent) say('');
  const slow = setTimeout(() => { if ($('message').hidden && !long && !document.querySelector('dialog[open]')) say('Asking…'); }, 1000);
  try {
    await what();
    if ($('good').textContent === 'Asking…') say('');
  } catch (error) {
    if (error.name !== 'AbortError') say(error instanceof URIError ? 'That is no valid text.' : String(error.message || error), true);
  } finally {
    clearTimeout(slow);
    if (!beside) busy = null;
    end();
    if (button) button.removeAttribute('aria-busy');
    if (!busy) {
      // Where the action, or the user meanwhile, has gone to.
      if (session && location.hash !== routed) act(null, route, { silent: true });
      else noticeForeign();
    }
  }
}

const click = (id, what, how) => $(id).addEventListener('click', () => act($(id), what, how));
const submit = (id, what, how) => $(id).addEventListener('submit', (event) => {
  event.preventDefault();
  const fields = Object.fromEntries(new FormData(event.target));
  act(event.submitter, () => what(fields, event.target), how);
});

async function copy(text, shown) {
  try {
    await navigator.clipboard.writeText(text);
    say('Copied.');
  } catch { // browsers allow it only over https
    getSelection().selectAllChildren(shown);
    shown.focus();
    say('The browser does not let the page copy here. It is marked; copy it with Ctrl+C.');
  }
}

// ---- asking the service --------------------------------------------------------------------------

let base = null; // the address of the programs, without a slash at the end
let skew = 0; // how much the server's clock is ahead, in milliseconds

async function findService() {
  const here = location.pathname.replace(/[^/]*$/, '');
  for (const place of new Set(['/api', '/cgi-bin', here + 'api', here + 'cgi-bin', here.slice(0, -1)])) {
    try {
      const response = await fetch(place + '/health', { cache: 'no-store', signal: AbortSignal.timeout(10000) });
      const { data } = await response.json();
      if (data && data.version && data.database) {
        base = place;
        $('service').className = data.database === 'ok' ? 'good' : 'bad';
        $('service').textContent = `cubby ${data.version}, database ${data.database}`;
        return;
      }
    } catch { /* not here */ }
  }
  $('service').className = 'bad';
  $('service').textContent = 'No service answers at /api or /cgi-bin of this server.';
}

// A refusal of the service; `answer` has the rest.
class Refusal extends Error {
  constructor(answer) {
    const { code, message, details } = answer.json || {};
    const wait = answer.headers.get('Retry-After');
    const why = Object.entries(details || {}).map(([name, reason]) => `\n${name}: ${typeof reason === 'string' ? reason : JSON.stringify(reason)}`);
    super(`${message || `The server answered ${answer.status} ${answer.text.slice(0, 200)}`}${why.join('')}${wait && answer.status === 429 ? `\nTry again in ${wait} seconds.` : ''}`);
    this.answer = answer;
    this.code = code || '';
  }
}

// Shell quotes; the token is the shell's variable.
const hideToken = (text) => session ? text.replaceAll(session.token, `'"$TOKEN"'`) : text;
const quote = (text) => hideToken("'" + text.replaceAll("'", "'\\''") + "'");

// In what is said of accounts; a value is the user's own and shown as it is.
const ofAccounts = (url) => !/\/(data|batch|changes)(\?|$)/.test(url);
const hidePasswords = (text) => text.replace(/("(?:[a-z_]*password|code)"\s*:\s*)"(?:[^"\\]|\\[^])*"/g, '$1"…"');
const hideTokens = (text) => text.replace(/("(?:token|access_token)"\s*:\s*)"[^"]*"/g, '$1"…"');
let asked = ''; // the address of the last call

// Shows a call as a line of curl.
function showCall(method, url, headers, body, more = '') {
  let line = 'curl';
  asked = url;
  if (method !== (body === undefined ? 'GET' : 'POST')) line += ' -X ' + method;
  line += ' ' + quote(new URL(url, location).href);
  for (const [name, value] of Object.entries(headers)) {
    line += ' \\\n  -H ' + (name === 'Authorization' ? '"Authorization: Bearer $TOKEN"' : quote(`${name}: ${value}`));
  }
  if (body instanceof Blob) line += ' \\\n  --data-binary @' + quote(body.name || 'file.json');
  else if (body !== undefined) line += ' \\\n  --data-raw ' + quote(ofAccounts(url) ? hidePasswords(body) : body);
  $('request').textContent = line + more;
  $('answer').textContent = '';
  $('talk').hidden = false;
}

function showAnswer(status, text) {
  const shown = text.length > 50000 ? text.slice(0, 50000) + '…' : text;
  $('answer').textContent = `${status}\n${ofAccounts(asked) ? hideTokens(shown) : shown}`;
}

function headersOf(method, body, { type = 'application/json', open = false }) {
  const headers = {};
  if (session && !open) headers.Authorization = 'Bearer ' + session.token;
  if (body !== undefined) headers['Content-Type'] = type;
  // busybox httpd, which knows only /cgi-bin, hands a program a whole body only for POST.
  if (body !== undefined && method !== 'POST' && base.endsWith('/cgi-bin')) {
    headers['X-HTTP-Method-Override'] = method;
    return ['POST', headers];
  }
  return [method, headers];
}

// Sends a call. Gives {status, text, json, headers}; throws a Refusal, or an Error when there is no
// answer. A quiet call is not shown as the last one.
async function ask(method, path, { body, quiet = false, signal, seconds = 60, ...rest } = {}) {
  if (base === null) await findService();
  if (base === null) throw new Error('There is no service to ask.');
  const used = session;
  const stops = [...signal ? [signal] : [], ...rest.open ? [] : [ended.signal]];
  const [sent, headers] = headersOf(method, body, rest);
  if (!quiet) showCall(sent, base + path, headers, body);
  let response;
  let text;
  try {
    response = await fetch(base + path, { method: sent, headers, body, cache: 'no-store', signal: AbortSignal.any([...stops, AbortSignal.timeout(seconds * 1000)]) });
    text = await response.text();
  } catch (error) {
    for (const stop of stops) stop.throwIfAborted();
    throw new Error(error.name === 'TimeoutError' ? `No answer within ${seconds} seconds. What was asked may have been done.` : 'No answer: the server could not be reached, or broke off.');
  }
  const clock = Date.parse(response.headers.get('Date'));
  if (clock) skew = clock - Date.now();
  if (!quiet) showAnswer(response.status, text);
  let json = null;
  try { json = JSON.parse(text); } catch { /* not cubby's */ }
  const answer = { status: response.status, text, json, headers: response.headers };
  if (response.ok && json) return answer;
  const refusal = new Refusal(answer);
  if (refusal.code === 'INVALID_TOKEN' && used && session === used) sessionLost();
  throw refusal;
}

// ---- the session ---------------------------------------------------------------------------------

const STORE = 'cubby-session';
let session = null; // {token, name, until, renew, old: tokens that were renewed and still live}
let profile = null; // what GET /me told
let renewal = 0;
let lastUser = null; // the number of the account that was signed in last in this tab
let ended = new AbortController(); // aborts what is under way when the session ends

function keep(answer, name) {
  const now = Date.now();
  const old = session ? [...session.old, { token: session.token, until: session.until }].filter(({ until }) => until > now) : [];
  const life = answer.json.data.expires_in * 1000;
  session = { token: answer.json.token, name, until: now + life, renew: now + life * 0.75, old };
  store();
  planRenewal();
}

function store() {
  try {
    if (session) sessionStorage.setItem(STORE, JSON.stringify(session));
    else sessionStorage.removeItem(STORE);
  } catch { /* then it does not survive a reload */ }
}

function planRenewal() {
  clearTimeout(renewal);
  if (session) renewal = setTimeout(renew, Math.min(Math.max(session.renew - Date.now(), 0), 1e9));
}

async function renew() {
  if (!session || Date.now() < session.renew) return planRenewal();
  const mine = session;
  try {
    const answer = await ask('POST', '/token/refresh', { quiet: true });
    if (session === mine) keep(answer, mine.name);
  } catch {
    if (session !== mine) return;
    session.renew = Date.now() + 15000;
    if (session.until > Date.now()) planRenewal();
    else sessionLost();
  }
}

document.addEventListener('visibilitychange', () => { if (!document.hidden && session) renew(); });

function show(signedIn) {
  $('welcome').hidden = signedIn;
  $('who').hidden = $('views').hidden = !signedIn;
  for (const view of VIEWS) $('view-' + view).hidden = true;
}

// The service no longer knows the token. What was being edited stays, for the same user.
function sessionLost() {
  const name = session.name;
  forget();
  $('sign-in').elements.username.value = name;
  $('sign-in').elements.password.focus();
  setTimeout(() => say('Your session has ended. Sign in again' + (dirty() ? '; what you were editing is kept.' : '.'), true));
}

// Nothing that was shown of the account is left for whoever signs in next, and nothing of it goes on; but
// what was being edited stays, until another signs in or closeItem() takes it.
function forget() {
  session = profile = null;
  store();
  clearTimeout(renewal);
  stopFollowing();
  ended.abort();
  ended = new AbortController();
  if (undoing) endUndo();
  show(false);
  for (const dialog of document.querySelectorAll('dialog[open]')) dialog.close();
  for (const field of $('profile').querySelectorAll('input')) field.defaultValue = '';
  for (const form of document.querySelectorAll('#welcome form, #make, #password, #profile, #import')) form.reset();
  for (const id of ['name', 'undo-what', 'h-question', 'question-text', 'mine', 'theirs', 'h-theirs', 'tokens', 'usage', 'since']) $(id).replaceChildren();
  $('password').elements.username.value = '';
  hideMade();
  clearKeys();
  notice('');
  $('talk').hidden = true;
  $('request').textContent = $('answer').textContent = '';
  $('sign-in').elements.username.focus();
}

// Ends the token on the server, and those that it was renewed from.
async function endTokens() {
  let told = true;
  const { old, ...now } = session;
  for (const { token, until } of [...old, now]) {
    if (until < Date.now()) continue;
    try {
      const response = await fetch(base + '/token', { method: 'DELETE', headers: { Authorization: 'Bearer ' + token }, cache: 'no-store', signal: AbortSignal.timeout(10000) });
      if (!response.ok && response.status !== 401) told = false;
    } catch {
      told = false;
    }
  }
  return told;
}

click('sign-out', async () => {
  const lost = dirty() ? 'What you were editing is not saved.' : transferring() ? 'The export or import under way ends with that.' : '';
  if (lost && !await question('Sign out?', lost, 'Sign out', { danger: true })) return;
  stopFollowing();
  const until = new Date(session.until).toLocaleString();
  const told = await endTokens();
  closeItem();
  forget();
  location.hash = '';
  if (told) say('Signed out. The session is ended on the server.');
  else say(`Signed out here, but the server could not be told: the token lives until ${until}.`, true);
});

async function enter() {
  profile = (await ask('GET', '/me', { quiet: true })).json.data;
  if (item && item.user !== profile.user_id) closeItem();
  // The address may name a key of somebody else.
  if (lastUser !== null && lastUser !== profile.user_id) history.replaceState(null, '', '#keys');
  lastUser = profile.user_id;
  session.name = profile.username;
  store();
  planRenewal();
  show(true);
  $('name').textContent = profile.username;
  if (/^#?$/.test(location.hash)) history.replaceState(null, '', '#keys');
  try {
    await route();
  } finally {
    if (session) startFollowing();
  }
}

function focusHeading() {
  const heading = document.querySelector('main > div:not([hidden]) h2[tabindex]');
  if (heading) heading.focus();
}

async function signIn(username, password) {
  keep(await ask('POST', '/token', { open: true, body: JSON.stringify({ username, password }) }), username);
  for (const form of document.querySelectorAll('#welcome form')) form.reset();
  await enter();
  if (document.activeElement === document.body) focusHeading();
}

submit('sign-in', async ({ username, password }) => {
  await signIn(username, password);
  say(`Signed in as ${profile.username}.`);
});

// A whole number goes out as it was typed, other text as a string, which the service refuses by name.
const whole = (text) => /^\s*-?(0|[1-9]\d*)\s*$/.test(text) ? text.trim() : JSON.stringify(text);
const person = ({ age, ...rest }) => `${JSON.stringify(rest).slice(0, -1)},"age":${whole(age)}}`;

submit('register', async (fields) => {
  await ask('POST', '/register', { open: true, body: person(fields) });
  await signIn(fields.username, fields.password);
  say(`Welcome, ${profile.username}. You are registered and signed in.`);
});

submit('reset', async (fields, form) => {
  await ask('POST', '/reset', { open: true, body: JSON.stringify(fields) });
  form.reset();
  $('lost').open = false;
  $('sign-in').elements.username.value = fields.username;
  $('sign-in').elements.password.focus();
  say('The password is set. Sign in with it.');
});

// ---- the keys ------------------------------------------------------------------------------------

const PAGE = 500; // keys asked for at a time
const STEP = 200; // rows of one folder shown at a time
const NOWHERE = Number.MAX_SAFE_INTEGER;
let keys = new Map(); // those loaded: version and expires_at by key
let gone = new Map(); // versions of deletions, which may overtake a page
let cursor = ''; // of the next page; empty when all are loaded
let last = ''; // the last key of the pages so far
let total = 0;
let loaded = false; // is there a first page?
let folders = new Map(); // of the tree by path: is it open? How many rows are shown?
let rows = [];
let at = 0; // the row that has the focus

// The service's order: bytes of UTF-8, which is that of code points. UTF-16 has surrogates before U+E000.
function inOrder(a, b) {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    let x = a.charCodeAt(i);
    let y = b.charCodeAt(i);
    if (x !== y) {
      if (x >= 0xd800 && y >= 0xd800) [x, y] = [x, y].map((c) => c >= 0xe000 ? c - 0x800 : c + 0x2000);
      return x - y;
    }
  }
  return a.length - b.length;
}

function clearKeys() {
  keys = new Map();
  gone = new Map();
  cursor = last = '';
  total = at = 0;
  loaded = false;
  folders = new Map();
  $('search').value = '';
  drawTree();
}

function learn({ key, version, expires_at: expires }) {
  const known = keys.get(key);
  if ((known && known.version >= version) || gone.get(key) >= version) return;
  keys.set(key, { version, expires });
}

// Loads the next page; with a SIGNAL, the first one in place of all that is shown.
async function loadPage(signal) {
  const mine = keys;
  const from = signal ? '' : cursor;
  const { data } = (await ask('GET', `/data?limit=${PAGE}&count=true${from && '&cursor=' + encodeURIComponent(from)}`, { quiet: true, signal })).json;
  if (signal) signal.throwIfAborted();
  if (keys !== mine) return;
  if (signal) {
    keys = new Map();
    last = '';
  }
  data.items.forEach(learn);
  if (data.items.length) last = data.items[data.items.length - 1].key;
  cursor = data.next_cursor || '';
  total = data.total;
  if (!loaded && total <= 40) {
    // So few that all may be seen at once.
    for (const key of keys.keys()) openFolders(key);
  }
  loaded = true;
  drawTree();
}

function openFolders(key) {
  for (let slash = key.indexOf('/'); slash >= 0; slash = key.indexOf('/', slash + 1)) {
    folder(key.slice(0, slash + 1)).open = true;
  }
}

function folder(path) {
  if (!folders.has(path)) folders.set(path, { open: false, shown: STEP, folded: false });
  return folders.get(path);
}

const searched = () => $('search').value.trim().toLowerCase();
const isOpen = (path) => searched() ? !folder(path).folded : folder(path).open;

function build(list) {
  const root = { path: '', count: 0, folders: new Map(), keys: [] };
  for (const key of list) {
    let node = root;
    node.count++;
    for (let from = 0, slash; (slash = key.indexOf('/', from)) >= 0; from = slash + 1) {
      const name = key.slice(from, slash);
      if (!node.folders.has(name)) node.folders.set(name, { name, path: key.slice(0, slash + 1), count: 0, folders: new Map(), keys: [] });
      node = node.folders.get(name);
      node.count++;
    }
    node.keys.push(key);
  }
  return root;
}

function rowsOf(node, level, into) {
  const children = [...node.folders.values(), ...node.keys];
  const { shown } = folder(node.path);
  const size = Math.min(children.length, shown) + (children.length > shown ? 1 : 0);
  children.slice(0, shown).forEach((child, i) => {
    const place = { level, position: i + 1, size };
    if (typeof child === 'string') {
      into.push({ ...place, id: 'k' + child, key: child, name: child.slice(node.path.length) });
    } else {
      into.push({ ...place, id: 'f' + child.path, path: child.path, name: child.name + '/', count: child.count });
      if (isOpen(child.path)) rowsOf(child, level + 1, into);
    }
  });
  if (children.length > shown) into.push({ level, position: size, size, id: 'm' + node.path, more: node.path, name: `${number(children.length - shown)} more…` });
  return into;
}

let lines = new Map(); // those in the tree by the id of their row: what stays is the same element
function lineOf(row, i) {
  const line = lines.get(row.id) || el('li', { role: 'treeitem' }, el('span', { class: 'free' }), el('span', { class: 'badge' }));
  const [name, badge] = line.children;
  const set = (attribute, value) => { if (value !== undefined) line.setAttribute(attribute, value); };
  set('aria-level', row.level);
  set('aria-posinset', row.position);
  set('aria-setsize', row.size);
  set('aria-expanded', row.path === undefined ? undefined : isOpen(row.path));
  set('aria-selected', row.key === undefined ? undefined : Boolean(item) && !item.fresh && row.key === item.key);
  line.tabIndex = i === at ? 0 : -1;
  line.style.setProperty('--level', row.level);
  const more = row.path === undefined ? '' : keysOf(row.count) + (cursor && last.startsWith(row.path) ? ' or more' : '');
  const told = row.key !== undefined && keys.get(row.key).expires ? 'expires' : more;
  if (name.textContent !== row.name) name.textContent = row.name;
  if (badge.textContent !== told) badge.textContent = told;
  return line;
}

function drawTree() {
  const tree = $('tree');
  const word = searched();
  const held = tree.contains(document.activeElement);
  const focused = rows[at] && rows[at].id;
  const list = [...keys.keys()].filter((key) => !word || key.toLowerCase().includes(word)).sort(inOrder);
  rows = rowsOf(build(list), 1, []);
  const same = rows.findIndex(({ id }) => id === focused);
  at = same >= 0 ? same : Math.max(Math.min(at, rows.length - 1), 0);
  const shown = rows.map(lineOf);
  lines = new Map(rows.map(({ id }, i) => [id, shown[i]]));
  arrange(tree, shown);
  tree.hidden = rows.length === 0;
  if (held && rows.length && !tree.contains(document.activeElement)) tree.children[at].focus();
  $('more').hidden = !cursor;
  $('count').textContent = !loaded ? '' : word ? `${keysOf(list.length)} of ${number(total)} found${cursor ? ` among the first ${number(keys.size)}` : ''}`
    : cursor ? `${number(keys.size)} of ${keysOf(total)}` : total ? keysOf(total) : 'No keys yet.';
}

let drawn = false;
function drawSoon() {
  if (drawn) return;
  drawn = true;
  requestAnimationFrame(() => { drawn = false; drawTree(); });
}

function focusTree() {
  if (rows.length) $('tree').children[at].focus();
  else $('h-keys').focus();
}

function moveTo(index) {
  const tree = $('tree');
  if (!tree.children[index]) return;
  if (tree.children[at]) tree.children[at].tabIndex = -1;
  at = index;
  tree.children[at].tabIndex = 0;
  tree.children[at].focus();
}

function setOpen(path, open) {
  folder(path).open = open;
  folder(path).folded = !open;
  drawTree();
}

function choose(row) {
  if (row.key !== undefined) {
    const wanted = address(row.key);
    if (location.hash === wanted) act(null, route);
    else location.hash = wanted;
  } else if (row.path !== undefined) {
    setOpen(row.path, !isOpen(row.path));
  } else {
    folder(row.more).shown += STEP;
    drawTree();
  }
}

$('tree').addEventListener('click', (event) => {
  const index = [...$('tree').children].indexOf(event.target.closest('li'));
  if (index < 0) return;
  moveTo(index);
  choose(rows[index]);
});

let typed = { text: '', when: 0 };
$('tree').addEventListener('keydown', (event) => {
  const row = rows[at];
  if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
  const { path } = row;
  const parent = () => rows.findLastIndex((other, i) => i < at && other.level === row.level - 1);
  const does = {
    ArrowDown: () => moveTo(at + 1),
    ArrowUp: () => moveTo(at - 1),
    Home: () => moveTo(0),
    End: () => moveTo(rows.length - 1),
    Enter: () => choose(row),
    ' ': () => choose(row),
    ArrowRight: () => { if (path !== undefined) { if (isOpen(path)) moveTo(at + 1); else setOpen(path, true); } },
    ArrowLeft: () => { if (path !== undefined && isOpen(path)) setOpen(path, false); else moveTo(parent()); },
  }[event.key];
  if (does) {
    event.preventDefault();
    does();
  } else if (event.key.length === 1) {
    typed = { text: (Date.now() - typed.when < 700 ? typed.text : '') + event.key.toLowerCase(), when: Date.now() };
    const starts = (i) => rows[i % rows.length].name.toLowerCase().startsWith(typed.text);
    const first = typed.text.length > 1 ? at : at + 1;
    for (let i = first; i < first + rows.length; i++) if (starts(i)) return moveTo(i % rows.length);
  }
});

click('more', async () => {
  await loadPage();
  if ($('more').hidden) focusTree();
}, { beside: true });

// Searches what is loaded, and loads more until enough is found.
$('search').addEventListener('input', async () => {
  const word = searched();
  drawTree();
  await pause(200);
  try {
    while (session && word && searched() === word && cursor && rows.length < STEP) await loadPage();
  } catch (error) {
    if (error.name !== 'AbortError') say(String(error.message), true);
  }
});

// ---- live updates --------------------------------------------------------------------------------

let following = null; // an AbortController

function setLive(kind, text) {
  $('live').className = kind;
  $('live').textContent = text;
}

function stopFollowing() {
  if (following) following.abort();
  following = null;
  setLive('', '');
}

function startFollowing() {
  stopFollowing();
  following = new AbortController();
  follow(following.signal);
}

// Where the changes stand. The service tells it to who asks beyond their end.
async function position(signal) {
  try {
    return (await ask('GET', `/changes?since=${NOWHERE}&values=false`, { quiet: true, signal })).json.data;
  } catch (error) {
    if (error.code === 'CHANGES_EXPIRED') return error.answer.json.data;
    throw error;
  }
}

async function visible(signal) {
  while (document.hidden && !signal.aborted) {
    await new Promise((done) => {
      document.addEventListener('visibilitychange', done, { once: true });
      signal.addEventListener('abort', done, { once: true });
    });
  }
}

async function follow(signal) {
  let since = null;
  let wait = 0;
  while (!signal.aborted) {
    try {
      if (since === null) {
        const { last_version: version, store_id: store } = await position(signal);
        gone = new Map(); // a restored backup has lower versions
        await loadPage(signal);
        if (item && !item.fresh) await checkForeign();
        since = { version, store };
      }
      setLive('good', 'live');
      await visible(signal);
      const { data } = (await ask('GET', `/changes?since=${since.version}&values=false&limit=1000&wait=25`, { quiet: true, signal, seconds: 45 })).json;
      if (signal.aborted) return;
      if (data.store_id !== since.store) {
        since = null;
        continue;
      }
      since.version = data.last_version;
      if (data.changes.length) await applyChanges(data.changes, signal);
      wait = 0;
    } catch (error) {
      if (signal.aborted || !session) return;
      if (error.code === 'CHANGES_EXPIRED') {
        since = null;
      } else {
        wait = Math.min(Math.max(wait * 2, 1), 30);
        setLive('bad', 'not connected, trying again');
        await pause(wait * 1000);
      }
    }
  }
}

async function applyChanges(changes, signal) {
  for (const change of changes) {
    const { key, version } = change;
    if (change.deleted) {
      if (!(gone.get(key) >= version)) gone.set(key, version);
      if (keys.has(key) && keys.get(key).version < version) keys.delete(key);
    } else if (!cursor || inOrder(key, last) <= 0 || keys.has(key)) {
      learn(change);
    }
    if (item && !item.fresh && item.key === key && version > item.version) item.foreign = { version, deleted: change.deleted };
  }
  const counted = cursor ? (await ask('GET', '/data?limit=0&count=true', { quiet: true, signal })).json.data.total : keys.size;
  if (signal.aborted) return;
  total = counted;
  drawSoon();
  if (!busy) await noticeForeign();
}

// After a gap in the changes: is what is open still what the service has?
async function checkForeign() {
  try {
    const now = await fetchItem(item.key, true);
    if (item && item.key === now.key && now.version !== item.version) {
      item.version = Math.min(item.version, now.version - 1); // a restored backup has lower ones
      item.foreign = { version: now.version };
    }
  } catch (error) {
    if (error.code === 'KEY_NOT_FOUND') item.foreign = { version: Infinity, deleted: true };
  }
  if (!busy) await noticeForeign();
}

// What is open was changed by somebody else: shown anew, unless it is being edited.
async function noticeForeign() {
  const foreign = item && !item.fresh && item.foreign;
  if (!foreign || !session || $('view-keys').hidden) return;
  if (foreign.version <= item.version) {
    item.foreign = null;
    return;
  }
  if (foreign.deleted) {
    notice(`${item.key} ${foreign.why || 'was deleted elsewhere'}. Saving stores it again.`);
  } else if (dirty()) {
    notice(`${item.key} was changed elsewhere, to version ${number(foreign.version)}.`, true);
  } else {
    try {
      const now = await fetchItem(item.key, true);
      if (!item || item.key !== now.key || dirty() || busy) return;
      fill(now);
      notice(`${item.key} was changed elsewhere, and is shown as it is now.`);
    } catch { /* the next change tells */ }
  }
}

function notice(text, comparable = false) {
  $('notice').hidden = !text;
  $('compare').hidden = !comparable;
  if ($('notice-text').textContent !== text) $('notice-text').textContent = text;
}

click('compare', async () => compare(await fetchItem(item.key, true)));

// What expires vanishes without anybody asking.
setInterval(() => {
  const now = Date.now() + skew;
  let some = false;
  for (const [key, { expires }] of keys) {
    if (expires && Date.parse(expires) <= now) {
      keys.delete(key);
      total--;
      some = true;
    }
  }
  if (some) drawTree();
  if (item && item.expires_at && Date.parse(item.expires_at) <= now && !item.foreign) {
    item.foreign = { version: Infinity, deleted: true, why: 'has expired' };
    if (!busy) noticeForeign();
  }
}, 2000);

// ---- one item ------------------------------------------------------------------------------------

let item = null; // {key, text, version, …, user}; fresh: not stored yet. `shown` and `expiry`: what the form began with
const editor = $('editor').elements;

const address = (key) => '#keys/' + encodeURIComponent(key);
const at_key = (key) => '/data?key=' + encodeURIComponent(key);
const same_version = (version) => '&if_match=' + encodeURIComponent(`"${version}"`);
const seconds_left = (expires) => Math.max(1, Math.ceil((Date.parse(expires) - Date.now() - skew) / 1000));
const ttl_of = ({ expires_at: expires }) => expires ? `,"ttl":${seconds_left(expires)}` : '';

// The item in an answer, its value as the text that the service sent. PATH leads there.
function itemIn(text, path) {
  let found = text;
  for (const name of path) found = jsonText.members(found).get(name);
  const members = jsonText.members(found);
  const known = JSON.parse(found);
  return { key: known.key, version: known.version, created_at: known.created_at, updated_at: known.updated_at,
    expires_at: known.expires_at, text: members.get('value'), user: profile && profile.user_id };
}

const fetchItem = async (key, quiet) => itemIn((await ask('GET', at_key(key), { quiet })).text, ['data']);

const dirty = () => Boolean(item) && (editor.value.value !== item.shown || editor.expiry.value !== item.expiry ||
  editor.seconds.value !== '' || (item.fresh && editor.key.value !== item.key));

function closeItem() {
  item = null;
  $('open').hidden = true;
  $('nothing').hidden = false;
  editor.value.value = '';
  editor.key.value = editor.seconds.value = '';
  editor.expiry.replaceChildren();
  $('h-item').textContent = '';
  $('facts').replaceChildren();
  notice('');
  document.querySelector('.keys').classList.remove('one');
}

// Shows an item in the form. TEXT and EXPIRY are of a draft that is kept.
function fill(next, text = next.text) {
  item = next;
  const { fresh, key, expires_at: expires } = item;
  $('open').hidden = false;
  $('nothing').hidden = true;
  $('key-field').hidden = $('h-key').hidden = !fresh;
  $('existing').hidden = $('facts').hidden = Boolean(fresh);
  $('h-item').textContent = fresh ? 'A new key' : key;
  $('save').textContent = fresh ? 'Store' : 'Save';
  editor.key.value = key;
  editor.value.value = item.text;
  item.shown = editor.value.value; // a text area has line ends of its own
  editor.value.value = text;
  const options = [['', 'never'], ['300', 'in 5 minutes'], ['3600', 'in an hour'], ['86400', 'in a day'], ['2592000', 'in 30 days'], ['other', 'in … seconds']];
  if (expires && !fresh) options.unshift(['keep', `as now, ${new Date(expires).toLocaleString()}`]);
  editor.expiry.replaceChildren(...options.map(([value, name]) => new Option(name, value)));
  item.expiry = editor.expiry.value;
  editor.seconds.value = '';
  $('seconds-field').hidden = true;
  notice('');
  if (!fresh) {
    const facts = [['Version', number(item.version)], ['Created', time(item.created_at)], ['Changed', time(item.updated_at)]];
    facts.push(['Expires', expires ? time(expires) : 'never'], ['Size', size(bytesOf(item.text))]);
    $('facts').replaceChildren(...facts.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value))));
  }
  checkValue();
}

// Whether the text in the form may be stored. Shows it; gives what is wrong, or null.
function checkValue() {
  const text = editor.value.value;
  let fault = null;
  let good = '';
  try {
    const { kind, depth } = jsonText.read(text);
    const most = profile && profile.limits.value_bytes;
    const length = bytesOf(text.trim());
    if (kind === 'null') fault = { what: 'null is no value here; delete the key instead', at: 0 };
    else if (depth > 96) fault = { what: `${depth} levels deep; 96 are allowed`, at: 0 };
    else if (most && length > most) fault = { what: `${size(length)}; ${size(most)} are allowed`, at: 0 };
    else good = `JSON: ${kind}, ${size(length)}`;
  } catch (error) {
    fault = { what: `No JSON. ${jsonText.place(text, error.at)}: ${error.message}`, at: error.at, broken: true };
  }
  $('check').className = fault ? 'hint bad' : 'hint';
  $('check').textContent = fault ? fault.what : good;
  editor.value.setAttribute('aria-invalid', Boolean(fault));
  return fault;
}

let checking = 0;
editor.value.addEventListener('input', () => {
  clearTimeout(checking);
  checking = setTimeout(checkValue, 150);
});
editor.expiry.addEventListener('change', () => { $('seconds-field').hidden = editor.expiry.value !== 'other'; });
// Enter in a field stores nothing.
$('editor').addEventListener('submit', (event) => event.preventDefault());
$('editor').addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && event.target.tagName === 'INPUT') event.preventDefault();
});
document.addEventListener('keydown', (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 's' && item && session && !$('view-keys').hidden && !document.querySelector('dialog[open]')) {
    event.preventDefault();
    act($('save'), save);
  }
});
addEventListener('beforeunload', (event) => { if (dirty() || transferring()) event.preventDefault(); });

// What is stored has its text as it was sent, unless it was edited.
function textToSave() {
  const fault = checkValue();
  if (fault) {
    editor.value.focus();
    editor.value.setSelectionRange(fault.at, fault.at);
    throw new Error(`Nothing was stored. ${fault.what}`);
  }
  return editor.value.value === item.shown ? item.text : editor.value.value.trim();
}

function ttlToSave() {
  const { value } = editor.expiry;
  if (value === 'other') return `,"ttl":${whole(editor.seconds.value)}`;
  return value && value !== 'keep' ? `,"ttl":${value}` : '';
}

// After a write: what the service has now is what is shown, but for what was typed since the text was SENT.
function stored(next, sent = editor.value.value) {
  const typed = editor.value.value;
  learn(next);
  gone.delete(next.key);
  if (!cursor) total = keys.size;
  openFolders(next.key);
  fill(next, typed === sent ? next.text : typed);
  drawTree();
}

async function save() {
  const text = textToSave();
  const sent = editor.value.value;
  if (item.fresh) {
    const key = editor.key.value;
    const answer = await ask('POST', '/data', { body: `{"key":${JSON.stringify(key)},"value":${text}${ttlToSave()}}` });
    stored(itemIn(answer.text, ['data']), sent);
    history.replaceState(null, '', address(key));
    routed = location.hash;
    $('h-item').focus();
    return say(`Stored ${key}.`);
  }
  await saveOver(text, item.version);
}

async function saveOver(text, version) {
  const { key } = item;
  const sent = editor.value.value;
  // A patch of the whole value leaves the time at which it expires.
  const keeps = editor.expiry.value === 'keep';
  const path = at_key(key) + same_version(version);
  try {
    const answer = keeps ? await ask('PATCH', path, { body: `[{"op":"replace","path":"","value":${text}}]`, type: 'application/json-patch+json' })
      : await ask('PUT', path, { body: `{"value":${text}${ttlToSave()}}` });
    stored(itemIn(answer.text, ['data']), sent);
    say(`Saved ${key} as version ${number(item.version)}.`);
  } catch (error) {
    if (error.code === 'PRECONDITION_FAILED') return compare(itemIn(error.answer.text, ['data', 'current']));
    if (error.code !== 'KEY_NOT_FOUND') throw error;
    if (!await question('This key was deleted meanwhile', 'Nothing was saved. Store it again?', 'Store it again')) return;
    const answer = await ask('PUT', `${at_key(key)}&upsert=true&if_none_match=*`, { body: `{"value":${text}${ttlToSave()}}` });
    stored(itemIn(answer.text, ['data']));
    say(`Stored ${key} again.`);
  }
}

// Lines of A and B that are not in both, in order: two arrays of flags.
function differences(a, b) {
  let from = 0;
  while (from < a.length && from < b.length && a[from] === b[from]) from++;
  let end = 0;
  while (end < a.length - from && end < b.length - from && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const x = a.slice(from, a.length - end);
  const y = b.slice(from, b.length - end);
  const marks = [a, b].map((lines) => lines.map((line, i) => i >= from && i < lines.length - end));
  if (x.length * y.length > 4e6) return marks;
  const wide = y.length + 1;
  const best = new Uint32Array((x.length + 1) * wide);
  for (let i = x.length - 1; i >= 0; i--) {
    for (let j = y.length - 1; j >= 0; j--) {
      best[i * wide + j] = x[i] === y[j] ? best[(i + 1) * wide + j + 1] + 1 : Math.max(best[(i + 1) * wide + j], best[i * wide + j + 1]);
    }
  }
  for (let i = 0, j = 0; i < x.length && j < y.length;) {
    if (x[i] === y[j]) marks[0][from + i++] = marks[1][from + j++] = false;
    else if (best[(i + 1) * wide + j] >= best[i * wide + j + 1]) i++;
    else j++;
  }
  return marks;
}

// Both versions side by side; the user decides.
function compare(theirs) {
  const dialog = $('conflict');
  const valid = !checkValue();
  const lines = [valid ? jsonText.indent(editor.value.value) : editor.value.value, jsonText.indent(theirs.text)].map((text) => text.split('\n'));
  differences(...lines).forEach((marks, side) => {
    const parts = [];
    lines[side].forEach((line, i) => {
      if (marks[i]) parts.push(el('mark', {}, line));
      else parts.push(line + '\n');
    });
    $(side ? 'theirs' : 'mine').replaceChildren(...parts);
  });
  $('h-theirs').textContent = `On the server, version ${number(theirs.version)}, ${new Date(theirs.updated_at).toLocaleString()}`;
  $('take-mine').hidden = !valid;
  let does = null;
  const done = new Promise((closed) => { dialog.onclose = closed; });
  const choice = (id, then) => { $(id).onclick = () => { does = then; dialog.close(); }; };
  choice('take-mine', async () => saveOver(textToSave(), theirs.version));
  choice('take-theirs', async () => {
    stored(theirs);
    say('This is what the server has.');
  });
  choice('go-on', null);
  dialog.showModal();
  return done.then(async () => {
    editor.value.focus();
    if (does) await does();
    else say('Not saved. Your text is as you left it.', true);
  });
}

click('save', save);
const rewrite = (how) => () => {
  const fault = checkValue();
  if (fault && fault.broken) throw new Error(fault.what); // what is too large may be less when compact
  editor.value.value = how(editor.value.value);
  checkValue();
};
click('indent', rewrite(jsonText.indent));
click('compact', rewrite(jsonText.compact));
click('revert', () => {
  fill(item);
  say('As it was.');
});

// Whether what is being edited may be given up.
async function mayLeave() {
  return !dirty() || Boolean(await question('Give up what you were editing?', `${item.fresh ? 'The new key' : item.key} is not saved.`, 'Give it up', { danger: true }));
}

let draft = null; // what a new key begins with
click('duplicate', async () => {
  draft = { key: item.key + ' copy', text: editor.value.value, expires_at: null };
  editor.value.value = item.shown;
  editor.expiry.value = item.expiry;
  editor.seconds.value = '';
  location.hash = '#new';
});

click('rename', async () => {
  if (dirty()) throw new Error('Save or revert first.');
  const old = item;
  const fields = await question(`Rename ${old.key}?`, 'The value, and the time at which it expires, go with it.', 'Rename', { fields: [{ label: 'New key', name: 'key', value: old.key, class: 'mono', autocapitalize: 'none', spellcheck: 'false' }] });
  if (!fields || fields.key === old.key) return;
  const { key } = fields;
  try {
    await ask('POST', '/batch', { body: `{"operations":[{"op":"create","key":${JSON.stringify(key)},"value":${old.text}${ttl_of(old)}},` +
      `{"op":"delete","key":${JSON.stringify(old.key)},"if_version":${old.version}}]}` });
  } catch (error) {
    const details = error.code === 'BATCH_FAILED' && error.answer.json.details;
    if (!details) throw error;
    throw new Error(`Nothing was renamed. ${details.code === 'KEY_EXISTS' ? `There is a key ${key} already.` : details.code === 'PRECONDITION_FAILED' ? 'It was changed meanwhile.' : details.message}${details.key ? `\nkey: ${details.key}` : ''}`);
  }
  keys.delete(old.key);
  stored(await fetchItem(key, true));
  history.replaceState(null, '', address(key));
  routed = location.hash;
  $('h-item').focus();
  say(`Renamed to ${key}.`);
});

click('delete', async () => {
  const old = item;
  if (!await question(`Delete ${old.key}?`, dirty() ? 'What you were editing goes too.' : 'You can undo it for ten seconds.', 'Delete', { danger: true })) return;
  let answer;
  try {
    answer = await ask('DELETE', at_key(old.key) + same_version(old.version));
  } catch (error) {
    if (error.code === 'PRECONDITION_FAILED') {
      item.foreign = { version: itemIn(error.answer.text, ['data', 'current']).version };
      throw new Error('Nothing was deleted: it was changed meanwhile.');
    }
    if (error.code !== 'KEY_NOT_FOUND') throw error;
    removed(old.key, old.version);
    return say(`${old.key} was deleted already.`);
  }
  removed(old.key, answer.json.data.version);
  offerUndo(`Deleted ${old.key}.`, async () => {
    try {
      const back = await ask('PUT', `${at_key(old.key)}&upsert=true&if_none_match=*`, { body: `{"value":${old.text}${ttl_of(old)}}` });
      learn(itemIn(back.text, ['data']));
    } catch (error) {
      if (error.code === 'PRECONDITION_FAILED') throw new Error(`${old.key} is in use again; it was left as it is.`);
      throw error;
    }
    if (!cursor) total = keys.size;
    openFolders(old.key);
    drawTree();
    if (!dirty()) location.hash = address(old.key);
    say(`${old.key} is back.`);
  });
});

function removed(key, version) {
  gone.set(key, version);
  if (keys.delete(key)) total--;
  closeItem();
  history.replaceState(null, '', '#keys');
  routed = '#keys';
  drawTree();
}

click('undo-it', async () => {
  if (!undoing) return;
  const { act: does } = undoing;
  endUndo();
  await does();
}, { beside: true });
click('dismiss', () => say(''), { beside: true });

// ---- device tokens -------------------------------------------------------------------------------

let made = null;

function hideMade() {
  made = null;
  $('made').hidden = true;
  $('made-token').textContent = $('made-curl').textContent = '';
}

function factsOf(token) {
  const facts = [`${token.scope === 'read' ? 'Reads' : 'Reads and writes'} ${token.prefix ? '' : 'all keys'}`];
  if (token.prefix) facts.push(el('code', { class: 'free' }, token.prefix));
  return [...facts, ' · made ', time(token.created_at), ...token.last_used_at ? [' · last used ', time(token.last_used_at)] : [' · never used'],
    ...token.expires_at ? [' · ends ', time(token.expires_at)] : []];
}

// The line of a token, of whose facts only the last use may change.
function tokenLine(token) {
  const old = document.getElementById('token-' + token.id);
  if (old) {
    const hint = old.querySelector('.hint');
    const facts = factsOf(token);
    if (hint.textContent !== el('span', {}, ...facts).textContent) hint.replaceChildren(...facts);
    return old;
  }
  const end = el('button', { type: 'button', class: 'danger', 'aria-label': `End ${token.name}…`, click: () => act(end, () => endToken(token)) }, 'End…');
  return el('li', { class: 'row', id: 'token-' + token.id },
    el('div', { class: 'grow free' }, el('strong', {}, token.name), el('br'), el('span', { class: 'hint' }, ...factsOf(token))), end);
}

let tokensAsked = 0;
async function showTokens() {
  const mine = ++tokensAsked;
  const { keys: tokens } = (await ask('GET', '/keys', { quiet: true })).json.data;
  if (mine !== tokensAsked) return; // a later answer is under way, or was here
  $('no-tokens').hidden = tokens.length > 0;
  arrange($('tokens'), tokens.map(tokenLine));
}

async function endToken({ id, name }) {
  if (!await question(`End ${name}?`, 'What uses it can do nothing from then on.', 'End it', { danger: true })) return;
  try {
    await ask('DELETE', '/keys/' + id);
  } finally {
    await showTokens();
  }
  $('h-tokens').focus();
  say(`${name} is ended.`);
}

submit('make', async ({ name, scope, prefix, ttl }, form) => {
  hideMade();
  const parts = [`"name":${JSON.stringify(name)}`, `"scope":"${scope}"`];
  if (prefix) parts.push(`"prefix":${JSON.stringify(prefix)}`);
  if (ttl) parts.push(`"ttl":${ttl}`);
  const { token } = (await ask('POST', '/keys', { body: `{${parts.join()}}` })).json;
  form.reset();
  made = { token, line: `curl ${quote(new URL(`${base}/data?values=true${prefix && '&prefix=' + encodeURIComponent(prefix)}`, location).href)} -H 'Authorization: Bearer ${token}'` };
  $('made-token').textContent = made.token;
  $('made-curl').textContent = made.line;
  $('made').hidden = false;
  $('h-made').focus();
  say(`Made ${name}.`);
  act(null, showTokens, { beside: true, silent: true });
});
click('copy-token', () => copy(made.token, $('made-token')), { beside: true });
click('copy-use', () => copy(made.line, $('made-curl')), { beside: true });
click('made-done', () => {
  hideMade();
  $('h-tokens').focus();
}, { beside: true });
click('copy', () => copy($('request').textContent, $('request')), { beside: true });

// ---- export and import ---------------------------------------------------------------------------

const transferring = () => document.querySelector('#view-transfer [aria-busy]') !== null;

function progress(id, done, all, text) {
  const [bar, words] = $(id).children;
  $(id).hidden = false;
  if (all) {
    bar.max = all;
    bar.value = done;
  } else {
    bar.removeAttribute('value');
  }
  words.textContent = text;
}

click('export', async () => {
  const used = session;
  const { signal } = ended;
  const headers = headersOf('GET', undefined, {})[1];
  const file = `cubby-${session.name.replace(/[^\p{L}\p{N}._-]/gu, '_')}.json`;
  showCall('GET', base + '/me/export', headers, undefined, ` \\\n  -o '${file}'`);
  progress('export-progress', 0, 0, 'Asking…');
  try {
    let response;
    const parts = [];
    let got = 0;
    try {
      response = await fetch(base + '/me/export', { headers, cache: 'no-store', signal });
      if (response.ok) {
        const all = Number(response.headers.get('Content-Length'));
        for (const reader = response.body.getReader(); ;) {
          const { done, value } = await reader.read();
          if (done) break;
          parts.push(value);
          got += value.length;
          progress('export-progress', got, all, all ? `${size(got)} of ${size(all)}` : size(got));
        }
        if (all && got !== all) throw new Error('cut');
      }
    } catch {
      signal.throwIfAborted();
      throw new Error('The export broke off. Nothing was saved.');
    }
    if (!response.ok) {
      const text = await response.text();
      signal.throwIfAborted();
      showAnswer(response.status, text);
      let json = null;
      try { json = JSON.parse(text); } catch { /* not cubby's */ }
      const refusal = new Refusal({ status: response.status, text, json, headers: response.headers });
      if (refusal.code === 'INVALID_TOKEN' && session === used) sessionLost();
      throw refusal;
    }
    showAnswer(response.status, `${size(got)}, saved as ${file}`);
    const document_ = new Blob(parts, { type: 'application/json' });
    const link = el('a', { download: file, href: URL.createObjectURL(document_) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    say(`Exported ${size(got)} as ${file}.`);
  } finally {
    $('export-progress').hidden = true;
  }
}, { long: true });

// XMLHttpRequest, since fetch does not tell how much was sent.
function send(path, file, tell) {
  const used = session;
  const { signal } = ended;
  const [method, headers] = headersOf('POST', file, {});
  showCall(method, base + path, headers, file);
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open(method, base + path);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded: sent, total: all }) => tell(sent, all);
    request.upload.onload = () => tell(0, 0);
    signal.addEventListener('abort', () => request.abort(), { once: true });
    request.onabort = () => failed(signal.reason);
    request.onerror = () => failed(new Error('The import broke off: the server could not be reached. Look at your keys before you try again.'));
    request.onload = () => {
      const text = request.responseText;
      showAnswer(request.status, text);
      let json = null;
      try { json = JSON.parse(text); } catch { /* not cubby's */ }
      if (request.status === 200 && json) return done(json.data);
      const refusal = new Refusal({ status: request.status, text, json, headers: { get: (name) => request.getResponseHeader(name) } });
      if (refusal.code === 'INVALID_TOKEN' && session === used) sessionLost();
      failed(refusal);
    };
    request.send(file);
  });
}

submit('import', async ({ file, mode }, form) => {
  if (!file || !file.name) throw new Error('Choose a file first.');
  if (mode === 'replace' && !await question('Replace everything?', 'Keys that are not in the document are removed.', 'Replace', { danger: true })) return;
  progress('import-progress', 0, 0, 'Sending…');
  try {
    const { imported, expired, removed: went } = await send('/me/import?mode=' + mode, file, (sent, all) =>
      progress('import-progress', sent, all, all ? `${size(sent)} of ${size(all)} sent` : 'Sent; the server stores it…'));
    form.reset();
    say(`Imported ${keysOf(imported)}${expired ? `; ${number(expired)} had expired` : ''}${went ? `; ${number(went)} removed` : ''}.`);
  } finally {
    $('import-progress').hidden = true;
  }
}, { long: true });

// ---- the account ---------------------------------------------------------------------------------

let accountAsked = 0;
async function showAccount() {
  const mine = ++accountAsked;
  const told = (await ask('GET', '/me', { quiet: true })).json.data;
  const tokens = (await ask('GET', '/keys', { quiet: true })).json.data.keys.length;
  if (mine !== accountAsked) return; // a later answer is under way, or was here
  profile = told;
  const { usage, limits } = profile;
  const bars = [['Keys', usage.keys, limits.keys, number], ['Values', usage.bytes, limits.bytes, size], ['Device tokens', tokens, limits.device_tokens, number]];
  $('usage').replaceChildren(...bars.map(([name, used, most, form]) => {
    const text = most === null ? `${form(used)}, no limit` : `${form(used)} of ${form(most)}`;
    const line = el('li', {}, el('div', { class: 'row' }, el('span', {}, name), el('span', {}, text)));
    if (most) line.append(el('meter', { 'aria-label': name, min: 0, max: most, high: most * 0.9, optimum: 0, value: used }, text));
    return line;
  }));
  const form = $('profile').elements;
  for (const name of ['full_name', 'email', 'age', 'gender']) {
    const edited = form[name].value !== form[name].defaultValue;
    form[name].defaultValue = profile[name];
    if (!edited) form[name].value = profile[name];
  }
  $('password').elements.username.value = profile.username;
  $('since').replaceChildren(`${profile.username}, here since `, time(profile.created_at));
}

submit('profile', async (fields, form) => {
  await ask('PATCH', '/me', { body: person(fields) });
  for (const [name, value] of Object.entries(fields)) form.elements[name].defaultValue = value; // no longer edited
  await showAccount();
  say('The profile is saved.');
});

submit('password', async ({ current_password, new_password }, form) => {
  const { name } = session;
  stopFollowing(); // its token ends before this page knows
  try {
    const answer = await ask('PUT', '/me/password', { body: JSON.stringify({ current_password, new_password }) });
    session.old = [];
    session.until = 0;
    keep(answer, name);
    form.reset();
    await showAccount();
    say('The password is changed. Every other session has ended.');
  } finally {
    if (session) startFollowing();
  }
});

click('end-all', async () => {
  if (!await question('End all sessions?', 'This one ends too, and so does every device token.', 'End them', { danger: true })) return;
  stopFollowing();
  try {
    await ask('DELETE', '/token?all=true');
  } catch (error) {
    if (session) startFollowing();
    throw error;
  }
  closeItem();
  forget();
  location.hash = '';
  say('All sessions and device tokens are ended.');
});

click('delete-account', async () => {
  const { username } = profile;
  const fields = await question(`Delete the account ${username}?`, `All of it goes, ${keysOf(profile.usage.keys)} too, and nothing brings it back.`, 'Delete for ever', { danger: true, fields: [
    { label: 'Your user name', name: 'username', autocapitalize: 'none', spellcheck: 'false' }, { label: 'Your password', name: 'password', type: 'password', autocomplete: 'current-password' }] });
  if (!fields) return;
  if (fields.username !== username) throw new Error(`Nothing was deleted: the user name is ${username}.`);
  stopFollowing();
  try {
    await ask('DELETE', '/me', { body: JSON.stringify({ password: fields.password }) });
  } catch (error) {
    if (session) startFollowing();
    throw error;
  }
  closeItem();
  forget();
  location.hash = '';
  say(`The account ${username} is deleted.`);
});

// ---- where we are --------------------------------------------------------------------------------

const VIEWS = ['keys', 'tokens', 'transfer', 'account'];
let routed = ''; // the address that is shown

// Shows what the address names.
async function route() {
  if (!session) return;
  const wanted = location.hash;
  const [, name, coded] = /^#?([a-z]*)\/?(.*)$/.exec(wanted) || [];
  const view = name === 'new' || !VIEWS.includes(name) ? 'keys' : name;
  let key = null;
  try { key = view === 'keys' && coded ? decodeURIComponent(coded) : null; } catch { /* no key */ }
  const begins = name === 'new';
  const other = begins ? !(item && item.fresh) || draft : key !== null && !(item && !item.fresh && item.key === key);
  if (other && !await mayLeave()) {
    draft = null;
    history.replaceState(null, '', item.fresh ? '#new' : address(item.key));
    routed = location.hash;
    return;
  }
  routed = wanted;
  for (const one of VIEWS) $('view-' + one).hidden = one !== view;
  for (const link of document.querySelectorAll('nav a')) {
    if (link.hash === '#' + view) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  if (view !== 'tokens') hideMade();
  if (view !== 'keys') notice('');
  if (view === 'tokens') act(null, showTokens, { beside: true, silent: true });
  if (view === 'account') act(null, showAccount, { beside: true, silent: true });
  if (view === 'keys') await routeKeys(key, begins, other);
}

async function routeKeys(key, begins, other) {
  if (begins && other) {
    fill({ key: '', text: '{}', ...draft, fresh: true, user: profile.user_id });
    draft = null;
  } else if (key !== null && other) {
    try {
      fill(await fetchItem(key, !loaded));
      openFolders(key);
    } catch (error) {
      if (item || error.code === 'KEY_NOT_FOUND') closeItem();
      if (error.code === 'KEY_NOT_FOUND') keys.delete(key);
      history.replaceState(null, '', '#keys');
      drawTree();
      throw error;
    }
  }
  const one = Boolean(item) && (begins || key !== null);
  const narrow = getComputedStyle($('back')).display !== 'none';
  document.querySelector('.keys').classList.toggle('one', one);
  const reveal = item && !item.fresh ? rows.findIndex((row) => row.key === item.key) : -1;
  drawTree();
  if (one) {
    (begins ? editor.key : $('h-item')).focus({ preventScroll: !narrow });
    if (narrow) scrollTo(0, 0);
  } else if (loaded && narrow) {
    if (reveal >= 0) at = reveal;
    focusTree();
  }
}

addEventListener('hashchange', () => {
  if (session && location.hash !== routed) act(null, async () => {
    await route();
    if (!/^#(keys|new)/.test(location.hash)) focusHeading();
  });
});

async function start() {
  await findService();
  try { session = JSON.parse(sessionStorage.getItem(STORE)); } catch { /* none */ }
  if (!session || base === null) return show(false);
  if (session.until <= Date.now()) return sessionLost();
  if (session.renew <= Date.now()) await renew();
  if (session) await act(null, enter);
  if ($('who').hidden) show(false);
}

// In a frame of another page clicks could be stolen.
if (window.top === window.self) start();
else $('service').textContent = 'This page does not work inside of another one.';
