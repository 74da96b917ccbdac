'use strict';

const { test } = require('node:test');
const assert = require('node:assert/strict');
const handle = require('./handler.js');

const request = (query, signal = new AbortController().signal) => ({ query: new URLSearchParams(query), signal });

test('as many events are sent as were asked for', async () => {
  const { headers, body } = handle(request('count=3&ms=1'));
  assert.equal(headers['content-type'], 'text/event-stream');
  const events = [];
  for await (const event of body) events.push(event);
  assert.deepEqual(events.map((event) => /^id: (\d)\ndata: \{"time":"[^"]+"\}\n\n$/.exec(event)[1]), ['1', '2', '3']);
});

test('the events stop when the client has gone', async () => {
  const controller = new AbortController();
  const { body } = handle(request('count=2&ms=1000000', controller.signal));
  await body.next();
  const next = body.next();
  controller.abort();
  await assert.rejects(next, { name: 'AbortError' });
});
