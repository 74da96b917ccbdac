'use strict';

// How functions for the OpenFaaS templates are called and how they answer: every row of the tables, by a real worker.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { openfaasProgram, startForSuite } = require('./host.js');

const HTML = 'text/html; charset=utf-8';
const JSON_TYPE = 'application/json; charset=utf-8';

const options = { program: openfaasProgram(`require('./test/event-function.js')`) };

describe('event', () => {
  const { ask } = startForSuite(options);
  const event = async (target, request) => JSON.parse((await ask(target, request)).body);

  test('has the method as received, whatever it is', async () => {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'BREW']) {
      assert.equal((await event('/event', { method })).method, method);
    }
  });

  test('has the path without the query, not decoded', async () => {
    assert.equal((await event('/event?a=1')).path, '/event');
    const { body } = await ask('/status/200?x'); // a route of its own, seen undecoded
    assert.equal(body, 'body');
  });

  test('has the query as querystring reads it, without a prototype', async () => {
    const { query, prototype } = await event('/event?a=1&a=2&b[c]=3&d=%26&e');
    assert.deepEqual(query, { a: ['1', '2'], 'b[c]': '3', d: '&', e: '' });
    assert.equal(prototype, true);
    assert.deepEqual((await event('/event')).query, {});
  });

  test('has headers in lower case, repeated ones joined as Node does', async () => {
    const headers = [
      ['content-type', 'a/b'], ['accept', 'x'], ['accept', 'y'], ['cookie', 'a=1'], ['cookie', 'b=2'],
      ['set-cookie', 'c=1'], ['set-cookie', 'd=2'], ['user-agent', 'first'], ['user-agent', 'second'],
    ];
    assert.deepEqual((await event('/event', { headers })).headers, {
      host: 'localhost', 'content-type': 'a/b', accept: 'x, y', cookie: 'a=1; b=2', 'set-cookie': ['c=1', 'd=2'], 'user-agent': 'first',
    });
  });

  test('has the content-type text/plain when the request has none', async () => {
    assert.equal((await event('/event')).headers['content-type'], 'text/plain');
  });
});

/** How functions answer: the status, the Content-Type, the body. */
const answers = {
  '/callback': [200, HTML, 'called back'],
  '/callback-async': [200, HTML, 'called back'],
  '/callback-late': [200, HTML, 'called back'],
  '/callback-after-return': [200, undefined, ''],
  '/callback-error': [500, HTML, 'Error: boom'],
  '/succeed': [201, HTML, 'succeeded'],
  '/succeed-and-return': [200, HTML, 'first'],
  '/succeed-twice': [200, HTML, 'first'],
  '/succeed-and-throw': [200, HTML, 'first'],
  '/fail': [500, HTML, 'no luck'],
  '/fail-status': [409, HTML, 'Error: conflict'],
  '/fail-object': [500, HTML, '[object Object]'],
  '/fail-nothing': [500, HTML, ''],
  '/throw': [500, HTML, 'Error: boom'],
  '/throw-string': [500, HTML, 'boom'],
  '/throw-object': [500, HTML, '[object Object]'],
  '/reject': [500, HTML, 'Error: boom'],
  '/throw-status': [404, HTML, 'TypeError: not there'],
  '/read-context': [202, HTML, '[200,{},202,{"X-B":"c"}]'],
  '/object': [200, HTML, '{"a":"é"}'],
  '/array': [200, HTML, '[1,"a"]'],
  '/string': [200, HTML, 'é'],
  '/empty': [200, HTML, ''],
  '/buffer': [200, 'application/octet-stream', '\0\ufffd'],
  '/typed-array': [200, 'application/octet-stream', 'hi'],
  '/true': [200, JSON_TYPE, 'true'],
  '/false': [200, JSON_TYPE, 'false'],
  '/number': [200, JSON_TYPE, '201'],
  '/zero': [200, JSON_TYPE, '0'],
  '/date': [200, JSON_TYPE, '"1970-01-01T00:00:00.000Z"'],
  '/instance': [200, JSON_TYPE, '{"x":1}'],
  '/without-prototype': [200, JSON_TYPE, '{"a":1}'],
  '/null': [200, undefined, ''],
  '/undefined': [200, undefined, ''],
  '/sync-nothing': [200, undefined, ''],
  '/html-object': [200, 'application/json; charset=utf-8', '{"a":1}'],
  '/typed-string': [200, 'text/plain; charset=utf-8', 'é'],
  '/typed-charset': [200, 'text/plain; charset=utf-8', 'é'],
  '/typed-buffer': [200, 'image/png', 'b'],
  '/typed-instance': [200, 'application/problem+json; charset=utf-8', '{"x":1}'],
  '/typed-null': [200, 'text/plain', ''],
  '/cookies': [200, HTML, 'x'],
  '/redirect': [302, undefined, ''],
  '/large': [200, HTML, 'é'.repeat(100000)],
};

describe('an answer', () => {
  const { ask, host } = startForSuite(options);

  for (const [route, [status, type, body]] of Object.entries(answers)) {
    test(`of ${route} is ${status} ${type ?? 'without a type'}`, async () => {
      const response = await ask(route);
      assert.deepEqual([response.status, response.headers['content-type'], response.body], [status, type, body]);
    });
  }

  test('has the headers that were set, an array as several', async () => {
    await ask('/cookies');
    const head = host().frames.findLast((f) => f.type === 'RESP');
    assert.deepEqual(head.headers.slice(0, 3), [['set-cookie', 'a=1'], ['set-cookie', 'b=2'], ['x-number', '7']]);
    assert.equal((await ask('/succeed')).headers['x-a'], 'b');
    const { headers } = await ask('/read-context');
    assert.deepEqual([headers['x-a'], headers['x-b']], [undefined, 'c']);
  });

  test('of an error has none of them', async () => {
    for (const route of ['/fail', '/throw-status']) assert.equal((await ask(route)).headers['x-a'], undefined);
  });

  test('that fails shows its stack on stderr', async () => {
    await ask('/throw-status');
    await host().until(() => /TypeError: not there\n +at .*event-function\.js/.test(host().stderr), 'stack');
  });

  test('behind the first is ignored and logged, and an error behind it is not lost', async () => {
    const before = host().frames.length;
    const logs = () => host().frames.slice(before).filter((f) => f.type === 'LOG' && f.text.includes('a second time'));
    await ask('/succeed-twice');
    assert.deepEqual(logs().map((f) => f.level), [2]);
    await ask('/succeed-and-throw');
    await host().until(() => host().stderr.includes('Error: afterwards'), 'error on stderr');
    const { body } = await ask('/callback-after-return');
    assert.equal(body, '');
    await host().until(() => logs().length === 2, 'second log');
  });

  test('that cannot be sent is an error of the handler', async () => {
    for (const route of ['/function', '/bigint']) assert.equal((await ask(route)).error.code, 3);
  });

  test('of a status that is no integer of 200 to 999 is an error of the handler', async () => {
    for (const status of [99, 1000, 200.5, '"201"', -1, '"teapot"']) {
      const { error } = await ask(`/status/${status}`);
      assert.equal(error?.code, 3, String(status));
      assert.match(error.text, /^status .* is not in 200 to 999/);
    }
    assert.equal((await ask('/status/999')).status, 999);
  });

  test('of status 204 or 304 has no body, type or length', async () => {
    for (const status of [204, 304]) {
      const response = await ask(`/status/${status}`);
      assert.equal(response.status, status);
      assert.deepEqual(Object.keys(response.headers), ['x-a', 'etag']);
      assert.equal(response.body, '');
    }
  });

  test('of status 205 has no body and a length of 0', async () => {
    const { status, headers, body } = await ask('/status/205');
    assert.deepEqual([status, headers['content-length'], body], [205, '0', '']);
  });

  test('to HEAD has the headers only, with the length that the body has', async () => {
    const { status, headers, body } = await ask('/object', { method: 'HEAD' });
    assert.deepEqual([status, headers['content-type'], headers['content-length'], body], [200, HTML, '10', '']);
    assert.equal((await ask('/null', { method: 'HEAD' })).headers['content-length'], '0');
    assert.equal((await ask('/undefined', { method: 'HEAD' })).headers['content-length'], undefined);
  });

  test('has a weak ETag of every defined body, or its own', async () => {
    const tags = {
      '/empty': 'W/"0-2jmj7l5rSw0yVb/vlWAYkK/YBwk"',
      '/null': 'W/"0-2jmj7l5rSw0yVb/vlWAYkK/YBwk"',
      '/typed-array': 'W/"2-witfkXg0JglCjW9RssWvTAveakI"',
      '/undefined': undefined,
      '/etag': '"mine"',
    };
    for (const [route, tag] of Object.entries(tags)) assert.equal((await ask(route)).headers.etag, tag, route);
    assert.match((await ask('/throw')).headers.etag, /^W\/"b-/);
  });

  test('that the client has already is 304, for GET and HEAD', async () => {
    const { etag } = (await ask('/string')).headers;
    const cases = [
      ['GET', etag, 304], ['HEAD', etag, 304], ['POST', etag, 200], ['GET', '"other"', 200], ['GET', `"other", ${etag}`, 304],
      ['GET', etag.slice(2), 304], ['GET', '*', 304],
    ];
    for (const [method, tag, expected] of cases) {
      const { status, headers, body } = await ask('/string', { method, headers: [['if-none-match', tag]] });
      assert.equal(status, expected, `${method} ${tag}`);
      if (status === 304) assert.deepEqual([headers, body], [{ etag }, '']);
    }
    const reload = { headers: [['if-none-match', etag], ['cache-control', 'no-cache']] };
    assert.equal((await ask('/string', reload)).status, 200);
    assert.equal((await ask('/throw', { headers: [['if-none-match', '*']] })).status, 500);
  });
});
