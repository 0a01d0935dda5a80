// json_text.js - works with JSON as text. Numbers are never parsed, so 1.0, 1e400 and 9007199254740993
// stay what they are.
'use strict';

const jsonText = (() => {
  const blank = /[ \t\n\r]*/y;
  const scalar = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null/y;
  const string = /"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*"/y;
  const piece = /"[^"\\]*(?:\\[^][^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

  const match = (pattern, text, at) => {
    pattern.lastIndex = at;
    return pattern.test(text) ? pattern.lastIndex : -1;
  };

  // Reads the text of one value. Gives {kind, depth, start, end, members}; members has, for an object,
  // the text of each member's value by name. Throws a SyntaxError with the place in `at`.
  function read(text) {
    const inside = []; // the closing characters that are due
    const members = new Map();
    let at = 0;
    let depth = 0;
    let kind = '';
    let start = 0;
    let name = '';
    let from = 0; // where the value of a member of the top object begins
    let want = 'a value';
    const fail = (what) => { throw Object.assign(new SyntaxError(what), { at }); };
    for (;;) {
      at = match(blank, text, at);
      const c = text[at];
      const closer = inside[inside.length - 1];
      if (want === 'the end') {
        if (at < text.length) fail('text after the value');
        return { kind, depth, start, end: from, members };
      }
      if (c === undefined) fail(text.trim() ? 'the text ends too early' : 'there is no value');
      if (want === 'a value' || want === 'a value or ]') {
        if (inside.length === 0) start = at;
        if (inside.length === 1) from = at;
        if (want === 'a value or ]' && c === ']') {
          at += close(inside);
        } else if (c === '{' || c === '[') {
          kind = kind || (c === '{' ? 'object' : 'array');
          inside.push(c === '{' ? '}' : ']');
          depth = Math.max(depth, inside.length);
          at++;
          want = c === '{' ? 'a name or }' : 'a value or ]';
          continue;
        } else {
          const end = match(c === '"' ? string : scalar, text, at);
          if (end < 0) fail(c === '"' ? 'this text in quotes does not end, or has a character that must be escaped' : 'a value is expected here');
          kind = kind || (c === '"' ? 'string' : c === 'n' ? 'null' : c === 't' || c === 'f' ? 'boolean' : 'number');
          at = end;
        }
        after();
      } else if (want === 'a name' || want === 'a name or }') {
        if (want === 'a name or }' && c === '}') {
          at += close(inside);
          after();
          continue;
        }
        const end = c === '"' ? match(string, text, at) : -1;
        if (end < 0) fail('a name in double quotes is expected here');
        if (inside.length === 1) name = JSON.parse(text.slice(at, end));
        at = end;
        want = ':';
      } else if (want === ':') {
        if (c !== ':') fail('a colon is expected here');
        at++;
        want = 'a value';
      } else if (c === ',') {
        at++;
        want = closer === '}' ? 'a name' : 'a value';
      } else if (c === closer) {
        at += close(inside);
        after();
      } else {
        fail(`a comma or ${closer} is expected here`);
      }
    }

    function close(open) {
      open.pop();
      return 1;
    }

    // What follows a value that ends at AT.
    function after() {
      if (inside.length === 0) {
        from = at;
        want = 'the end';
      } else {
        if (inside.length === 1 && inside[0] === '}') members.set(name, text.slice(from, at));
        want = 'a comma';
      }
    }
  }

  // Each member of an object that an answer has, as text.
  const members = (text) => read(text).members;

  // Where a fault lies, for people.
  function place(text, at) {
    const before = text.slice(0, at).split('\n');
    return `line ${before.length}, column ${before[before.length - 1].length + 1}`;
  }

  // The same JSON, a member a line.
  function indent(text) {
    let depth = 0;
    let out = '';
    const line = () => '\n' + '  '.repeat(depth);
    const pieces = text.match(piece) || [];
    pieces.forEach((one, i) => {
      if (one === '{' || one === '[') {
        depth++;
        out += one + (/^[}\]]$/.test(pieces[i + 1]) ? '' : line());
      } else if (one === '}' || one === ']') {
        depth--;
        out += (/^[{[]$/.test(pieces[i - 1]) ? '' : line()) + one;
      } else {
        out += one === ',' ? ',' + line() : one === ':' ? ': ' : one;
      }
    });
    return out;
  }

  const compact = (text) => (text.match(piece) || []).join('');

  return { read, members, place, indent, compact };
})();

if (typeof module !== 'undefined') module.exports = jsonText;
