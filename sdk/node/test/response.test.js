'use strict';

const { test, describe } = require('node:test');
const assert = require('node:assert/strict');
const { Readable } = require('node:stream');
const { makeExchange } = require('./fakes.js');

const TEXT = 'text/plain; charset=utf-8';
const BYTES = 'application/octet-stream';
const JSON_TYPE = 'application/json';

/** Answers with a value and returns what was sent: `{status, headers, body}`, or `{code, text}` of an error. */
async function answer(value, options) {
  const { exchange, worker, frames } = makeExchange(options);
  exchange.answer(value);
  const sent = await frames();
  assert.equal(worker.ended, 1);
  const last = sent.at(-1);
  if (last.type === 'ERROR') return { code: last.code, text: last.text };
  assert.equal(last.end, true);
  const body = Buffer.concat(sent.map((f) => f.body)).toString();
  return { status: sent[0].status, headers: sent[0].headers, body };
}

async function* pieces(...list) {
  for (const piece of list) yield piece;
}

const answers = {
  'a string': ['é', 200, [['content-type', TEXT]], 'é'],
  'an empty string': ['', 200, [['content-type', TEXT]], ''],
  'a Buffer': [Buffer.from('b'), 200, [['content-type', BYTES]], 'b'],
  'a Uint8Array': [new Uint8Array([98]), 200, [['content-type', BYTES]], 'b'],
  'nothing': [undefined, 200, [], ''],
  'null': [null, 200, [], ''],
  'an object': [{ a: 'é' }, 200, [['content-type', JSON_TYPE]], '{"a":"é"}'],
  'an array': [[1, 'a'], 200, [['content-type', JSON_TYPE]], '[1,"a"]'],
  'a number': [200, 200, [['content-type', JSON_TYPE]], '200'],
  'false': [false, 200, [['content-type', JSON_TYPE]], 'false'],
  'an object whose status is no number': [{ status: 'ok' }, 200, [['content-type', JSON_TYPE]], '{"status":"ok"}'],
  'an object with a status and other keys': [{ status: 1, id: 2 }, 200, [['content-type', JSON_TYPE]], '{"status":1,"id":2}'],
  'headers alone': [{ headers: {} }, 200, [['content-type', JSON_TYPE]], '{"headers":{}}'],
  'a status': [{ status: 404 }, 404, [], ''],
  'a status and a body': [{ status: 201, body: 'b' }, 201, [['content-type', TEXT]], 'b'],
  'a body alone': [{ body: { a: 1 } }, 200, [['content-type', JSON_TYPE]], '{"a":1}'],
  'a body that is null': [{ status: 200, body: null }, 200, [], ''],
  'a content type of its own': [{ headers: { 'Content-Type': 'a/b' }, body: 'b' }, 200, [['content-type', 'a/b']], 'b'],
  'repeated headers': [{ status: 200, headers: { 'Set-Cookie': ['a=1', 'b=2'], 'X-N': 7 } }, 200, [['set-cookie', 'a=1'], ['set-cookie', 'b=2'], ['x-n', '7']], ''],
  'pairs of headers': [{ status: 200, headers: [['a', '1'], ['a', '2'], ['b', ['3', '4']]] }, 200, [['a', '1'], ['a', '2'], ['b', '3'], ['b', '4']], ''],
  'a Map of headers': [{ status: 200, headers: new Map([['a', '1']]) }, 200, [['a', '1']], ''],
  'headers without a value': [{ headers: { a: undefined, b: null }, body: '' }, 200, [['content-type', TEXT]], ''],
  'a content type that is left to the host': [{ headers: { 'Content-Type': null }, body: 'b' }, 200, [], 'b'],
  'a length of its own': [{ status: 200, headers: { 'Content-Length': '7' } }, 200, [['content-length', '7']], ''],
  'bytes in a header': [{ status: 200, headers: { a: 'é\xff\x80\t' } }, 200, [['a', 'é\xff\x80\t']], ''],
  'an async iterable': [pieces('a', Buffer.from('b'), ''), 200, [['content-type', BYTES]], 'ab'],
  'an empty async iterable': [pieces(), 200, [['content-type', BYTES]], ''],
  'a Readable': [Readable.from(['a', 'b']), 200, [['content-type', BYTES]], 'ab'],
  'a web stream': [new Blob(['ab']).stream(), 200, [['content-type', BYTES]], 'ab'],
  'a streamed body with a head': [{ status: 202, headers: { 'content-type': 'a/b' }, body: pieces('a', 'b') }, 202, [['content-type', 'a/b']], 'ab'],
};

const errors = {
  'a function': [() => {}, /a function is no response/],
  'a symbol': [Symbol('s'), /a symbol is no response/],
  'an object that is no JSON': [{ n: 1n }, /BigInt/],
  'a status that is no final one': [{ status: 100 }, /status 100 is not in 200 to 999/],
  'a status that is too large': [{ status: 1000 }, /status 1000/],
  'a status that is no integer': [{ status: 200.5 }, /status 200.5/],
  'a line break in a header': [{ status: 200, headers: { a: 'x\r\ny: z' } }, /the value of header a/],
  'a character in a header that is no byte': [{ status: 200, headers: { a: '€' } }, /the value of header a/],
  'a name that is none': [{ status: 200, headers: { 'a b': 'x' } }, /"a b" is not a header name/],
  'a head that is too large': [{ status: 200, headers: { a: 'x'.repeat(4084) } }, /response headers too large/],
  'a piece that is no bytes': [pieces('a', 5), /a piece of a body must be a string or bytes, not number/],
};

describe('an answer of', () => {
  for (const [name, [value, status, headers, body]] of Object.entries(answers)) {
    test(`${name} is sent as documented`, async () => {
      assert.deepEqual(await answer(value), { status, headers, body });
    });
  }

  for (const [name, [value, message]] of Object.entries(errors)) {
    test(`${name} is ERROR 3`, async () => {
      const { code, text } = await answer(value);
      assert.equal(code, 3);
      assert.match(text.split('\n')[0], message);
    });
  }

  test('more different header names than are kept is sent all the same', async () => {
    for (let i = 0; i < 600; i++) {
      const { headers } = await answer({ status: 200, headers: { [`X-Name-${i}`]: 'v' } });
      assert.deepEqual(headers, [[`x-name-${i}`, 'v']]);
    }
  });
});

describe('a whole body', () => {
  test('that just fits the frame is one frame, and one byte more is two', async () => {
    for (const make of [(n) => 'a'.repeat(n), (n) => Buffer.alloc(n, 'a')]) {
      for (const [more, count] of [[0, 1], [1, 2]]) {
        const { exchange, frames } = makeExchange();
        const head = 4 + 2 + 2 + (2 + 'content-length'.length + 2 + 4);
        exchange.answer({ headers: { 'content-type': null }, body: make(4084 - head + more) });
        const sent = await frames();
        assert.deepEqual(sent.map((f) => [f.type, f.end]), [['RESP', count === 1], ['DATA', true]].slice(0, count));
      }
    }
  });

  test('of characters that take three bytes is measured in bytes, and its length told when it is large', async () => {
    for (const length of [1000, 1300, 1400, 5000]) {
      for (const value of ['€'.repeat(length), { body: '€'.repeat(length) }]) {
        const { headers, body } = await answer(value);
        assert.equal(body, '€'.repeat(length));
        const lengths = headers.filter(([name]) => name === 'content-length').map((pair) => pair[1]);
        assert.deepEqual(lengths, length > 1024 ? [String(3 * length)] : []);
      }
    }
  });

  test('of bytes or JSON tells its length when it is large', async () => {
    for (const value of [Buffer.alloc(5000), 'a'.repeat(5000), { a: 'b'.repeat(4992) }]) {
      assert.equal(new Map((await answer(value)).headers).get('content-length'), '5000');
    }
    assert.equal(new Map((await answer({ headers: { 'content-length': '9' }, body: Buffer.alloc(5000) })).headers).get('content-length'), '9');
  });
});

describe('an error', () => {
  test('has the message in the first line, then the stack with its causes', async () => {
    const { exchange, frames } = makeExchange();
    exchange.raise(new Error('no answer', { cause: new TypeError('no wire') }));
    const [{ code, text, end }] = await frames();
    assert.deepEqual([code, end], [3, true]);
    assert.match(text, /^no answer\nError: no answer\n +at [^]*\[cause\]: TypeError: no wire/);
  });

  test('may be anything that can be thrown', async () => {
    for (const [thrown, text] of [['boom', 'boom'], [7, '7'], [null, 'null'], [undefined, 'undefined'], [{ a: 1 }, '[object Object]']]) {
      const { exchange, frames } = makeExchange();
      exchange.raise(thrown);
      assert.equal((await frames())[0].text, text);
    }
    const { exchange, frames } = makeExchange();
    exchange.raise(new TypeError());
    assert.match((await frames())[0].text, /^TypeError\n/);
  });

  test('behind the terminal frame sends nothing', async () => {
    const { exchange, worker, frames } = makeExchange();
    exchange.answer('done');
    exchange.raise(new Error('late'));
    assert.equal((await frames()).length, 1);
    assert.equal(worker.ended, 1);
  });
});
