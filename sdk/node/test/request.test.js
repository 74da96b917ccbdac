'use strict';

const { test, describe } = require('node:test');
const assert = require('node:assert/strict');
const { once } = require('node:events');
const { Readable } = require('node:stream');
const { BadRequest } = require('../index.js');
const { bring, makeRequest } = require('./fakes.js');

describe('request', () => {
  test('path and query are the parts of the target, and neither path nor target is decoded', () => {
    const { request } = makeRequest({ method: 'BREW', target: '/a%2Fb/é?x=1&x=2&y=%26?' });
    assert.equal(request.method, 'BREW');
    assert.equal(request.target, '/a%2Fb/é?x=1&x=2&y=%26?');
    assert.equal(request.path, '/a%2Fb/é');
    assert.deepEqual(request.query.getAll('x'), ['1', '2']);
    assert.equal(request.query.get('y'), '&?');
    assert.equal(request.query, request.query);
  });

  test('a target without a query has an empty one', () => {
    for (const target of ['/a', '/a?']) {
      const { request } = makeRequest({ target });
      assert.equal(request.path, '/a');
      assert.equal([...request.query].length, 0);
    }
  });

  test('headers are found whatever the case, and repeated ones are all there, in order', () => {
    const list = [['host', 'a'], ['accept', 'x'], ['x-empty', ''], ['accept', 'y']];
    const { headers } = makeRequest({ headers: list }).request;
    assert.equal(headers.get('Accept'), 'x');
    assert.deepEqual(headers.getAll('ACCEPT'), ['x', 'y']);
    assert.equal(headers.get('x-empty'), '');
    assert.equal(headers.get('missing'), undefined);
    assert.deepEqual(headers.getAll('missing'), []);
    assert.deepEqual([headers.has('X-Empty'), headers.has('missing')], [true, false]);
    assert.deepEqual([...headers], list);
  });

  test('a change to what an iteration gave changes no header', () => {
    const { headers } = makeRequest({ headers: [['a', '1']] }).request;
    for (const pair of headers) pair[1] = '2';
    assert.equal(headers.get('a'), '1');
  });

  test('the call id is its header', () => {
    assert.equal(makeRequest({ headers: [['x-call-id', 'abc']] }).request.callId, 'abc');
    assert.equal(makeRequest().request.callId, undefined);
  });

  test('the deadline runs down to 0 and no further', (t) => {
    let now = 1000;
    t.mock.method(performance, 'now', () => now);
    const { request } = makeRequest({ timeoutMs: 500 });
    assert.equal(request.deadline, 500);
    now = 1400;
    assert.equal(request.deadline, 100);
    now = 2000;
    assert.equal(request.deadline, 0);
    assert.equal(makeRequest().request.deadline, undefined);
  });

  test('a log has the stream of its request, and none once that has been answered', () => {
    const { request, exchange, worker } = makeRequest();
    request.log('info', 'open');
    exchange.answer('done');
    request.log('warn', 'over');
    assert.deepEqual(worker.logs, [['info', 'open', 7], ['warn', 'over', 0]]);
  });
});

describe('cancellation', () => {
  test('is a flag, and a signal for who asked before it and who asks after it', async () => {
    const { request, exchange } = makeRequest();
    const { signal } = request;
    assert.deepEqual([request.cancelled, signal.aborted], [false, false]);
    const aborted = once(signal, 'abort');
    exchange.cancel(2);
    await aborted;
    assert.deepEqual([request.cancelled, signal.aborted, signal.reason.name], [true, true, 'AbortError']);

    const late = makeRequest();
    late.exchange.cancel(1);
    assert.equal(late.request.signal.aborted, true);
    assert.match(late.request.signal.reason.message, /deadline/);
  });

  test('ends reads that wait and reads to come', async () => {
    const { request, exchange } = makeRequest({ complete: false });
    const waiting = request.body();
    exchange.cancel(2);
    await assert.rejects(waiting, { name: 'AbortError', code: 'ABORT_ERR' });
    await assert.rejects(request.stream.read(), { name: 'AbortError' });
    await assert.rejects(makeCancelled().body(), { name: 'AbortError' });
  });

  function makeCancelled() {
    const { request, exchange } = makeRequest({ complete: false });
    exchange.cancel(2);
    return request;
  }
});

describe('body', () => {
  test('is there as bytes, text and JSON, and can be asked for again', async () => {
    const { request } = makeRequest({ body: '{"a":"é"}' });
    assert.equal((await request.body()).toString(), '{"a":"é"}');
    assert.equal(await request.text(), '{"a":"é"}');
    assert.deepEqual(await request.json(), { a: 'é' });
  });

  test('is empty when there is none', async () => {
    assert.equal((await makeRequest().request.body()).length, 0);
    assert.equal(await makeRequest().request.text(), '');
    for await (const piece of makeRequest().request.stream) assert.fail(String(piece));
  });

  test('that is not JSON is a BadRequest, which is ERROR 5 unless the handler catches it', async () => {
    const { request, exchange, frames } = makeRequest({ body: '{' });
    const error = await request.json().catch((e) => e);
    assert.ok(error instanceof BadRequest);
    assert.match(error.message, /^the body is not JSON/);
    exchange.raise(error);
    assert.equal((await frames())[0].code, 5);
  });

  test('is put together from the pieces that arrive', async () => {
    const { request, exchange } = makeRequest({ body: 'a', complete: false });
    const body = request.body();
    bring(exchange, 'b', false);
    await new Promise(setImmediate);
    bring(exchange, '', false); // an empty piece is no end
    bring(exchange, 'c', true);
    assert.equal((await body).toString(), 'abc');
  });

  for (const announced of ['5', '3', '2', '1', '900', '0', '-1', '1.5', '1e3', 'many', '99999999999']) {
    test(`is put together when its length is announced as ${announced}`, async () => {
      const { request, exchange } = makeRequest({ body: 'a', complete: false, headers: [['content-length', announced]] });
      bring(exchange, 'b', false);
      const body = request.body();
      bring(exchange, '', false);
      bring(exchange, 'cd', false);
      await new Promise(setImmediate);
      bring(exchange, 'e', true);
      assert.equal((await body).toString(), 'abcde');
      assert.equal(await request.body(), await body);
    });
  }

  test('whose length is announced is granted as it comes, since the handler wants all', async () => {
    const { request, exchange, worker } = makeRequest({ complete: false, window: 100, headers: [['content-length', '250']] });
    const body = request.body();
    const granted = () => {
      worker.output.flush();
      return worker.output.frames.map((f) => [f.type, f.bytes]);
    };
    bring(exchange, 'x'.repeat(49), false);
    assert.deepEqual(granted(), []);
    bring(exchange, 'x'.repeat(51), false);
    assert.deepEqual(granted(), [['WINDOW', 100]]);
    bring(exchange, 'x'.repeat(100), false);
    assert.deepEqual(granted().length, 2);
    bring(exchange, 'x'.repeat(50), true);
    assert.deepEqual(granted().length, 2);
    assert.equal((await body).length, 250);
  });

  test('whose length is announced fails as any other when it does not come', async () => {
    const { request, exchange } = makeRequest({ complete: false, headers: [['content-length', '3']] });
    const body = request.body();
    await assert.rejects(request.stream.read(), /being read already/);
    bring(exchange, 'a', false);
    exchange.cancel(2);
    assert.equal(bring(exchange, 'bc', true), true);
    await assert.rejects(body, { name: 'AbortError' });
  });

  test('comes piece by piece, and a second loop goes on where the first stopped', async () => {
    const { request, exchange } = makeRequest({ body: 'a', complete: false });
    bring(exchange, 'b', false);
    bring(exchange, 'c', true);
    const seen = [];
    for await (const piece of request.stream) {
      seen.push(piece.toString());
      break;
    }
    for await (const piece of request.stream) seen.push(piece.toString());
    assert.deepEqual(seen, ['a', 'b', 'c']);
  });

  test('can be read as a Readable', async () => {
    const { request } = makeRequest({ body: 'abc' });
    assert.equal((await Readable.from(request.stream).toArray()).join(), 'abc');
  });

  test('is granted when it has been read, in steps of half a window, without what came inline', async () => {
    const { request, exchange, worker } = makeRequest({ body: 'x'.repeat(60), complete: false, window: 100 });
    const granted = () => {
      worker.output.flush();
      return worker.output.frames.map((f) => [f.type, f.bytes]);
    };
    bring(exchange, 'x'.repeat(40), false);
    bring(exchange, 'x'.repeat(20), false);
    bring(exchange, 'x'.repeat(40), false);
    await request.stream.read(); // 60 inline
    await request.stream.read(); // 40
    assert.deepEqual(granted(), []);
    await request.stream.read(); // 20: now 60
    assert.deepEqual(granted(), [['WINDOW', 60]]);
    await request.stream.read(); // 40
    assert.equal(granted().length, 1);
    assert.equal(bring(exchange, 'x'.repeat(61), false), false);
  });

  test('is not granted any more when all of it has come', async () => {
    const { request, exchange, worker } = makeRequest({ complete: false, window: 100 });
    bring(exchange, 'x'.repeat(100), true);
    await request.body();
    worker.output.flush();
    assert.deepEqual(worker.output.frames, []);
  });

  test('takes one reader at a time', async () => {
    const { request } = makeRequest({ complete: false });
    request.stream.read();
    await assert.rejects(request.stream.read(), /being read already/);
  });

  test('that is still read when the answer has been sent is an error for who reads it', async () => {
    const { request, exchange } = makeRequest({ complete: false });
    const body = request.body();
    exchange.answer('early');
    await assert.rejects(body, /the request has been answered/);
  });

  test('cannot be completed once stdin has ended', async () => {
    const { request } = makeRequest({ complete: false, inputEnded: true });
    await assert.rejects(request.body(), /closed stdin/);
    const complete = makeRequest({ body: 'a', inputEnded: true });
    assert.equal(await complete.request.text(), 'a');
  });
});
