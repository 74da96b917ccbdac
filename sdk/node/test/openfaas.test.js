'use strict';

// Every row of the tables for handlers of the OpenFaaS templates, by real workers over real pipes.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const zlib = require('node:zlib');
const { openfaas } = require('../index.js');
const { start } = require('./host.js');

const HTML = 'text/html; charset=utf-8';
const JSON_TYPE = 'application/json; charset=utf-8';

/** A program that serves a handler: the text of an expression. */
const program = (handler) => ['-e', `const { serve, openfaas } = require('./index.js'); serve(openfaas(${handler}));`];

const eventFunction = program(`require('./test/event-function.js')`);

/** Starts one worker for the tests of a suite, and returns a function that asks it. */
function worker(options) {
  let host;
  let stream = 0;
  const stops = [];
  before(async () => {
    host = await start({ after: (stop) => stops.push(stop) }, { program: eventFunction, ...options });
  });
  after(() => stops.forEach((stop) => stop()));
  const ask = async (target, request) => {
    const { status, headers, body, error } = await host.ask(++stream, target, request);
    return { status, headers, body: body.toString(), error };
  };
  return { ask, host: () => host };
}

describe('event', () => {
  const { ask } = worker();
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
  const { ask, host } = worker();

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
  const raw = worker({ env: { RAW_BODY: 'true', MAX_RAW_SIZE: '1kb' } });
  const json = worker({ env: { MAX_JSON_SIZE: '0.5KB' } });

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
  const { ask, host } = worker();

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

describe('the classic style', () => {
  const { ask, host } = worker({
    env: { handler_style: 'classic' },
    program: program(`(context, callback) => {
      const results = {
        'object': () => Promise.resolve({ a: context }),
        'array': () => Promise.resolve([1]),
        'string': () => Promise.resolve('é'),
        'bytes': () => Promise.resolve(Buffer.from('b')),
        'nothing': () => Promise.resolve(),
        'empty': () => Promise.resolve(''),
        'number': () => Promise.resolve(7),
        'reject': () => Promise.reject(new Error('boom')),
        'throw': () => { throw new Error('boom'); },
        'callback': () => callback(undefined, { called: 'back' }),
        'callback later': () => { setTimeout(callback, 5, null, 'late'); },
        'callback error': () => callback('no luck'),
        'callback and promise': () => { callback(null, 'first'); return Promise.resolve('second'); },
        'returned': () => { setTimeout(callback, 5, null, 'called back'); return 'returned'; },
      };
      return results[context]();
    }`),
  });

  const rows = {
    'object': [200, '{"a":"object"}\n'], 'array': [200, '[1]\n'], 'string': [200, 'é'], 'bytes': [200, 'b'],
    'nothing': [200, ''], 'empty': [200, ''], 'number': [500, 'TypeError: a number cannot be sent'],
    'reject': [500, 'Error: boom'], 'throw': [500, 'Error: boom'], 'callback': [200, '{"called":"back"}\n'],
    'callback later': [200, 'late'], 'callback error': [500, 'no luck'], 'callback and promise': [200, 'first'],
    'returned': [200, 'called back'],
  };

  for (const [context, [status, body]] of Object.entries(rows)) {
    test(`${context}: ${status} ${JSON.stringify(body)}, and the host finds the type`, async () => {
      const response = await ask('/', { method: 'POST', headers: [['content-type', 'a/b']], body: context });
      assert.deepEqual([response.status, response.headers, response.body], [status, {}, body]);
    });
  }

  test('shows the stack of an error on stderr', async () => {
    await host().until(() => /Error: boom\n +at /.test(host().stderr), 'stack');
  });

  test('a function that takes no callback is not waited for', async (t) => {
    const other = await start(t, { env: { handler_style: 'classic' }, program: program('(context) => { context.length; }') });
    assert.equal((await other.ask(1, '/')).status, 200);
  });
});

describe('handler_style', () => {
  test('native leaves the handler as it is', async (t) => {
    const host = await start(t, { env: { handler_style: 'native' }, program: program('(request) => request.path') });
    const { headers, body } = await host.ask(1, '/a');
    assert.deepEqual([headers['content-type'], body.toString()], ['text/plain; charset=utf-8', '/a']);
  });

  test('of another name stops the start and names those that there are', () => {
    assert.throws(() => openfaas(() => {}, 'modern'), /handler_style is modern, but must be openfaas, classic, native/);
    assert.throws(() => openfaas(() => {}, 'toString'), /handler_style is toString/);
  });

  test('needs a function', () => {
    assert.throws(() => openfaas({}), /the handler must be a function, not object/);
    assert.throws(() => openfaas(null), /not null/);
  });
});
