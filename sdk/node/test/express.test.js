'use strict';

// The same requests to a worker of ours and to a server with Express, which is what the official template runs. Where they
// differ on purpose is in the list below.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const http = require('node:http');
const zlib = require('node:zlib');
const { once } = require('node:events');
const express = require('express');
const handler = require('./event-function.js');
const { parseNested } = require('../lib/nested.js');
const { openfaasProgram, start } = require('./host.js');

/** Errors are 500 and forget headers, and what calls back is not answered a second time. */
const differs = new Set([
  '/event', '/body', // compared below
  '/typed-null', // a Content-Type that was set is left alone unless a string is sent
  '/callback-error', '/throw', '/throw-string', '/throw-object', '/reject', '/throw-status', '/fail-nothing', '/succeed-and-throw',
  '/callback', '/callback-async', '/callback-late', '/callback-after-return', '/succeed-twice', '/fail', '/fail-status', '/fail-object',
  '/function', '/bigint',
]);

/** A server that treats functions as the official template does, as far as these tests go. */
function makeServer() {
  const app = express();
  app.disable('x-powered-by');
  app.use((req, res, next) => {
    req.headers['content-type'] ??= 'text/plain';
    next();
  });
  app.use(express.text({ type: 'text/*' }), express.json(), express.urlencoded({ extended: true }));
  app.use(async (req, res) => {
    let status = 200;
    let headers = {};
    const context = {
      status: (code) => (code ? ((status = code), context) : status),
      headers: (object) => (object ? ((headers = object), context) : headers),
      succeed(value) {
        if (res.headersSent) return;
        const plain = value?.constructor === Object || value?.constructor === Array;
        res.set(headers).status(status).send(plain ? JSON.stringify(value) : value);
      },
    };
    context.succeed(await handler({ body: req.body, headers: req.headers, method: req.method, path: req.path, query: req.query }, context));
  });
  app.use((error, req, res, next) => res.status(error.status ?? 500).end());
  return http.createServer(app);
}

describe('compared with Express', () => {
  let server;
  let host;
  let stream = 0;
  const stops = [];

  before(async () => {
    server = makeServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    host = await start({ after: (stop) => stops.push(stop) }, {
      program: openfaasProgram(`require('./test/event-function.js')`),
    });
  });
  after(() => {
    server.close();
    server.closeAllConnections();
    stops.forEach((stop) => stop());
  });

  async function theirs(path, { method = 'GET', headers = [], body = '' } = {}) {
    const request = http.request({ host: '127.0.0.1', port: server.address().port, path, method, headers: Object.fromEntries(headers) });
    request.end(body);
    const [response] = await once(request, 'response');
    const pieces = await response.toArray();
    return { status: response.statusCode, headers: response.headers, body: Buffer.concat(pieces).toString() };
  }

  async function ours(path, options) {
    const { status, headers, body } = await host.ask(++stream, path, options);
    return { status, headers, body: body.toString() };
  }

  /** Compares what a client sees. Express says the length of all; ours is the host's to say, but to HEAD. */
  async function compare(path, options) {
    const [a, b] = [await ours(path, options), await theirs(path, options)];
    const seen = ({ status, headers, body }) => ({
      status, body, type: headers['content-type'], tag: headers.etag, cookies: headers['set-cookie'] && true, number: headers['x-number'],
      location: headers.location, length: options?.method === 'HEAD' ? headers['content-length'] : undefined,
    });
    assert.deepEqual(seen(a), seen(b));
  }

  for (const route of handler.routes.filter((one) => !differs.has(one))) {
    test(`${route} is answered alike, to GET, HEAD and POST`, async () => {
      for (const method of ['GET', 'HEAD', 'POST']) await compare(route, { method });
    });
  }

  test('statuses are answered alike', async () => {
    for (const status of [200, 201, 204, 205, 226, 304, 400, 599, 999]) await compare(`/status/${status}`);
  });

  test('conditional requests are answered alike', async () => {
    const { etag } = (await theirs('/string')).headers;
    for (const tag of [etag, etag.slice(2), `"a", ${etag}`, '*', '"a"', '', 'W/"a"', `${etag} , "a"`]) {
      for (const method of ['GET', 'HEAD', 'PUT']) {
        for (const extra of [[], [['cache-control', 'no-cache']], [['cache-control', 'max-age=0']]]) {
          await compare('/string', { method, headers: [['if-none-match', tag], ...extra] });
        }
      }
    }
  });

  const types = [
    'text/plain', 'text/html; charset=utf-8', 'text/plain; charset=iso-8859-1', 'text/plain;charset="latin1"',
    'application/json', 'application/json;charset=UTF-8', 'application/json; charset=latin1', 'application/x-www-form-urlencoded',
    'application/x-www-form-urlencoded; charset=iso-8859-1', 'application/octet-stream', 'application/ld+json', 'TEXT/PLAIN',
  ];
  const texts = ['', '{}', '{"a":[1,{"b":null}]}', ' [1]', '"a"', '1', 'null', '{', '\ufeff{"a":1}', 'a=1&b=%41%zz+c&=d&e', 'é'];

  for (const type of types) {
    test(`bodies of ${type} are understood alike`, async () => {
      for (const text of texts) {
        for (const [coding, pack] of [[null, (bytes) => bytes], ['gzip', zlib.gzipSync], ['deflate', zlib.deflateSync], ['br', zlib.brotliCompressSync]]) {
          const body = pack(Buffer.from(text));
          const headers = [['content-type', type], ['content-length', String(body.length)]];
          if (coding !== null) headers.push(['content-encoding', coding]);
          const options = { method: 'POST', headers, body };
          const [a, b] = [await ours('/body', options), await theirs('/body', options)];
          const what = `${JSON.stringify(text)} ${coding}`;
          assert.equal(a.status, b.status, what);
          if (a.status === 200) assert.equal(a.body, b.body, what);
        }
      }
    });
  }

  const forms = [
    'a=1', 'a=1&a=2', 'a=1&a=2&a=3', 'a[]=1', 'a[]=1&a[]=2', 'a[]=1&a=2', 'a=1&a[]=2', 'a[0]=x&a[1]=y', 'a[1]=y&a[0]=x', 'a[5]=x',
    'b[c]=3', 'b[c]=3&b[d]=4', 'b[c]=3&b[c]=4', 'b[c][]=3&b[c][]=4', 'b[c][d][e]=5', 'b[0][c]=1&b[0][d]=2&b[1][c]=3', 'b[][c]=1&b[][c]=2',
    'a[100]=x', 'a[01]=x', 'a[-1]=x', 'a[1.5]=x', 'a%5Bb%5D=1', 'a%5bb%5d=1', 'a]b=1', 'a[b]c=1', '[a]=1', 'a.b=1', '=1', '&&a=1&', 'a', 'a[b]',
    'a=b=c', 'a[b=c]=d', 'a[b]=c=d', 'a=%E4%BD%A0', 'a=%', 'a=%zz', '%C3%A9=1', 'a+b=c+d', '__proto__=1', '__proto__[a]=1',
    'constructor=1', 'toString=1', 'a[length]=1', 'a[b]=1&a[0]=2', 'a[0]=1&a[b]=2', '0=a&1=b', `a${'[b]'.repeat(32)}=1`, `a${'[b]'.repeat(33)}=1`,
    `a=1${'&a=1'.repeat(999)}`, `a=1${'&a=1'.repeat(1000)}`, `a[150]=x${'&b=1'.repeat(200)}`,
  ];

  for (const form of forms) {
    test(`the form ${form.slice(0, 40)} is understood alike`, async () => {
      const options = { method: 'POST', headers: [['content-type', 'application/x-www-form-urlencoded'], ['content-length', String(form.length)]], body: form };
      const [a, b] = [await ours('/body', options), await theirs('/body', options)];
      assert.equal(a.status, b.status);
      if (a.status === 200) assert.deepEqual(JSON.parse(a.body), JSON.parse(b.body));
    });
  }

  test('a form reaches no prototype', () => {
    const form = parseNested(['__proto__[a]=1', 'a[__proto__][b]=1', 'constructor[prototype][a]=1'], (text) => text);
    assert.deepEqual(Object.keys(form), ['constructor']);
    assert.equal({}.a, undefined);
    assert.equal(Object.prototype.hasOwnProperty.call(form, 'constructor'), true);
  });
});
