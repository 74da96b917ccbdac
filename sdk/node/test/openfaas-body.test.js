'use strict';

// What becomes of bodies: every row of the table for `event.body`, by a real worker.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const zlib = require('node:zlib');
const { openfaas } = require('../index.js');
const { openfaasProgram, startForSuite } = require('./host.js');

const options = { program: openfaasProgram(`require('./test/event-function.js')`) };

/** Sends a body of a type, as clients do. */
function upload(type, body, headers = []) {
  const bytes = Buffer.from(body);
  const typed = type === null ? [] : [['content-type', type]];
  return { method: 'POST', body: bytes, headers: [...typed, ['content-length', String(bytes.length)], ...headers] };
}

const limit = 100 * 1024;
const coded = (coding, pack, body, type = 'text/plain') => upload(type, pack(Buffer.from(body)), [['content-encoding', coding]]);

/** What becomes of bodies: the request, and the body that the function sees or the status that answers instead. */
const bodies = {
  'no Content-Type': [upload(null, 'é'), 'é'],
  'text': [upload('text/plain', 'é'), 'é'],
  'any text': [upload('text/x-any', 'a'), 'a'],
  'text in latin-1': [upload('text/plain; charset=iso-8859-1', Buffer.from('é\x80', 'latin1')), 'é\x80'],
  'text in UTF-16': [upload('text/plain; charset="utf-16le"', Buffer.from('é', 'utf16le')), 'é'],
  'text in an unknown charset': [upload('text/plain; charset=klingon', 'a'), 415],
  'empty text': [upload('text/plain', ''), ''],
  'text of 100 kB': [upload('text/plain', 'a'.repeat(limit)), 'a'.repeat(limit)],
  'text over 100 kB': [upload('text/plain', 'a'.repeat(limit + 1)), 413],
  'a JSON object': [upload('application/json', '{"a":[1]}'), { a: [1] }],
  'a JSON array': [upload('Application/JSON; charset=utf-8', ' \n[1]'), [1]],
  'JSON of another kind': [upload('application/json', '"a"'), 400],
  'JSON that is none': [upload('application/json', '{"a"'), 400],
  'JSON in a charset that it cannot have': [upload('application/json; charset=latin1', '{}'), 415],
  'empty JSON': [upload('application/json', ''), {}],
  'JSON over 100 kB': [upload('application/json', JSON.stringify({ a: 'a'.repeat(limit) })), 413],
  'a form': [upload('application/x-www-form-urlencoded', 'a=1&a=2&b[c]=3&d=%C3%A9+f'), { a: ['1', '2'], b: { c: '3' }, d: 'é f' }],
  'a form in latin-1': [upload('application/x-www-form-urlencoded; charset=iso-8859-1', 'd=%E9'), { d: 'é' }],
  'a form in a charset that it cannot have': [upload('application/x-www-form-urlencoded; charset=utf-16le', 'd=1'), 415],
  'an empty form': [upload('application/x-www-form-urlencoded', ''), {}],
  'a form over 100 kB': [upload('application/x-www-form-urlencoded', `a=${'a'.repeat(limit)}`), 413],
  'a form of too many pairs': [upload('application/x-www-form-urlencoded', 'a=1&'.repeat(1000)), 413],
  'a form that is nested too deep': [upload('application/x-www-form-urlencoded', `a${'[b]'.repeat(33)}=1`), 400],
  'another type': [upload('application/octet-stream', 'a'), undefined],
  'JSON of a type of its own': [upload('application/vnd.api+json', '{}'), undefined],
  'a multipart form': [upload('multipart/form-data; boundary=x', '--x--'), undefined],
  'nothing at all': [{ method: 'POST' }, undefined],
  'nothing at all, said to be JSON': [{ method: 'POST', headers: [['content-type', 'application/json']] }, undefined],
  'gzip': [coded('gzip', zlib.gzipSync, 'é'), 'é'],
  'deflate': [coded('deflate', zlib.deflateSync, '{"a":1}', 'application/json'), { a: 1 }],
  'brotli': [coded('BR', zlib.brotliCompressSync, 'é'), 'é'],
  'no coding': [coded('identity', (bytes) => bytes, 'é'), 'é'],
  'another coding': [coded('zstd', (bytes) => bytes, 'é'), 415],
  'another coding of a type that is not read': [upload('a/b', 'a', [['content-encoding', 'zstd']]), undefined],
  'gzip that is none': [coded('gzip', (bytes) => bytes, 'é'), 400],
  'gzip that is cut off': [coded('gzip', (bytes) => zlib.gzipSync(bytes).subarray(0, -4), 'a'.repeat(1000)), 400],
  'gzip of 100 kB': [coded('gzip', zlib.gzipSync, 'a'.repeat(limit)), 'a'.repeat(limit)],
  'gzip of more than 100 kB': [coded('gzip', zlib.gzipSync, 'a'.repeat(limit + 1)), 413],
};

describe('event.body', () => {
  const { ask, host } = startForSuite(options);

  for (const [name, [request, expected]] of Object.entries(bodies)) {
    test(`of ${name} is ${typeof expected === 'number' ? expected : `a value of type ${typeof expected}`}`, async () => {
      const { status, body } = await ask('/body', request);
      if (typeof expected === 'number') assert.equal(status, expected);
      else assert.deepEqual(JSON.parse(body), expected === undefined ? { type: 'undefined' } : { type: typeof expected, body: expected });
    });
  }

  test('that arrives in pieces, without a length, is put together, and refused as soon as it is too large', async () => {
    host().request(1001, '/body', { method: 'POST', headers: [['content-type', 'application/json']], end: false });
    host().data(1001, Buffer.from('{"a":'));
    host().data(1001, Buffer.from('1}'), true);
    assert.deepEqual(JSON.parse((await host().response(1001)).body), { type: 'object', body: { a: 1 } });
    for (const headers of [[], [['content-length', '1000000000']]]) {
      const stream = 1002 + headers.length;
      host().request(stream, '/body', { method: 'POST', headers, end: false });
      if (headers.length === 0) for (let i = 0; i < 2; i++) host().data(stream, Buffer.alloc(60000));
      assert.equal((await host().response(stream)).status, 413);
    }
  });
});

describe('event.body with settings', () => {
  const raw = startForSuite({ ...options, env: { RAW_BODY: 'true', MAX_RAW_SIZE: '1kb' } });
  const json = startForSuite({ ...options, env: { MAX_JSON_SIZE: '0.5KB' } });

  test('is a Buffer of every type with RAW_BODY', async () => {
    for (const type of [null, 'text/plain', 'application/json', 'a/b']) {
      assert.deepEqual(JSON.parse((await raw.ask('/body', upload(type, Buffer.from([0, 255])))).body), { type: 'buffer', body: '\0\xff' });
    }
    assert.deepEqual(JSON.parse((await raw.ask('/body', upload('a/b', ''))).body), { type: 'buffer', body: '' });
    assert.deepEqual(JSON.parse((await raw.ask('/body')).body), { type: 'undefined' });
  });

  test('may be as large as MAX_RAW_SIZE says', async () => {
    assert.equal((await raw.ask('/body', upload('a/b', 'a'.repeat(1024)))).status, 200);
    assert.equal((await raw.ask('/body', upload('a/b', 'a'.repeat(1025)))).status, 413);
  });

  test('may be as large as MAX_JSON_SIZE says, when it is JSON', async () => {
    const value = (length) => JSON.stringify(['a'.repeat(length - 4)]);
    assert.equal((await json.ask('/body', upload('application/json', value(512)))).status, 200);
    assert.equal((await json.ask('/body', upload('application/json', value(513)))).status, 413);
    assert.equal((await json.ask('/body', upload('text/plain', value(513)))).status, 200);
  });

  test('a size that is none stops the start', (t) => {
    t.after(() => delete process.env.MAX_RAW_SIZE);
    process.env.MAX_RAW_SIZE = 'much';
    assert.throws(() => openfaas(() => {}), /MAX_RAW_SIZE is much/);
  });
});
