// json_text.js - www/json_text.js alone, held against JSON.parse where that can say something.
'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { read, members, place, indent, compact } = require('../../www/json_text.js');

const good = ['{}', '[]', ' [ ] ', '"x"', '0', '-0.5e+10', 'true', 'false', 'null', '{"a":1.0,"b":[1e400,{"c":9007199254740993}]}',
    '["\\u0000\\ud800\\n\\/"]', '{"":{"":{"":[[[]]]}}}', '"\u2028\u007f"', '[1 , 2\t,\r\n3]', '"{[,:]}"', '{"a":1,"a":2}', '-0'];
const bad = ['', ' ', '01', '1.', '.5', '+1', '-', '1e', '[1,]', '[,1]', '[1 2]', '{"a":1,}', '{a:1}', '{"a" 1}', '{"a":}', '{"a"}', '[', '{', '"', '"\\x"',
    '"\\u12g4"', '"a\nb"', '"\t"', 'nul', 'NaN', 'Infinity', '1 2', '[]]', '[}', '{]', "'a'", '\u00a01', '\ufeff1', '//', '"a', '[1]x'];

test('json text: takes what is JSON, and nothing else', () => {
    for (const text of good) {
        assert.doesNotThrow(() => read(text), text);
        JSON.parse(text);
    }
    for (const text of bad) {
        assert.throws(() => read(text), (error) => error instanceof SyntaxError && error.at <= text.length, JSON.stringify(text));
        assert.throws(() => JSON.parse(text));
    }
});

test('json text: a broken text anywhere is refused as JSON.parse refuses it', () => {
    const whole = '{"a b":[1.5e3,{"c":"d\\"e\\u00e9"},null,true],"f":{"g":-0}}';
    for (let i = 0; i <= whole.length; i++) {
        for (const text of [whole.slice(0, i), whole.slice(0, i) + whole.slice(i + 1), whole.slice(0, i) + ',' + whole.slice(i), whole.slice(0, i) + '"' + whole.slice(i)]) {
            let taken = true;
            try {
                JSON.parse(text);
            } catch {
                taken = false;
            }
            if (taken) assert.doesNotThrow(() => read(text), text);
            else assert.throws(() => read(text), SyntaxError, text);
        }
    }
});

test('json text: members keep their digits; the last of two counts', () => {
    const found = members('{"a" : 1.0 , "b\\u0062":[1e400, {"a":2}],"c":{},"a":9007199254740993}');
    assert.deepEqual([...found], [['a', '9007199254740993'], ['bb', '[1e400, {"a":2}]'], ['c', '{}']]);
});

test('json text: indenting and compacting change blanks between tokens only', () => {
    const text = '{"a":1.0,"b, c":[1e400,{}, [] ,"x  \\" y"],"d":{"e":9007199254740993}}';
    assert.equal(compact(indent(text)), compact(text));
    assert.equal(compact(text), text.replace('{}, [] ,', '{},[],'));
    assert.match(indent(text), /^\{\n {2}"a": 1\.0,\n {2}"b, c": \[\n {4}1e400,\n {4}\{\},\n/);
    assert.equal(place('{\n "a" 1}', 7), 'line 2, column 6');
});

test('json text: long and deep texts are read', () => {
    assert.equal(read(`"${'x'.repeat(3e6)}"`).kind, 'string');
    assert.equal(read('['.repeat(1e5) + ']'.repeat(1e5)).depth, 1e5);
});
