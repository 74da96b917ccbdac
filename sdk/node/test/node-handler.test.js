'use strict';

const { test, describe } = require('node:test');
const assert = require('node:assert/strict');
const { start, WINDOW } = require('./host.js');

const program = (app) => ['-e', `const { serve, fromNodeHandler } = require('./index.js'); serve(fromNodeHandler(${app}));`];
const plain = { program: program(`require('./test/node-function.js')`) };

/** Without what a server for the network would add. */
const noHopByHop = (list) => assert.ok(list.every(([name]) => !['connection', 'keep-alive', 'transfer-encoding', 'date'].includes(name)), String(list));

describe('a handler (req, res)', () => {
  test('answers with one frame when all is there at once', async (t) => {
    const host = await start(t, plain);
    const { status, list, body } = await host.ask(1, '/hello');
    assert.deepEqual([status, list, body.toString()], [200, [['content-length', '5']], 'hello']);
    assert.equal(host.frames.filter((f) => f.stream === 1).length, 1);
  });

  test('decides about status and headers', async (t) => {
    const host = await start(t, plain);
    const { status, list, body } = await host.ask(1, '/head');
    assert.equal(status, 201);
    assert.deepEqual(list, [['x-a', 'b'], ['set-cookie', 'a=1'], ['set-cookie', 'b=2'], ['content-type', 'text/x']]);
    assert.equal(body.toString(), 'é');
  });

  test('sees the request as Node has them', async (t) => {
    const host = await start(t, plain);
    const headers = [['accept', 'x'], ['accept', 'y'], ['cookie', 'a=1'], ['cookie', 'b=2']];
    const { body } = await host.ask(1, '/request?a=%2F', { method: 'PUT', headers });
    assert.deepEqual(JSON.parse(body), {
      method: 'PUT', url: '/request?a=%2F', headers: { connection: 'close', host: 'localhost', accept: 'x, y', cookie: 'a=1; b=2' },
      rawHeaders: ['connection', 'close', 'host', 'localhost', ...headers.flat()], httpVersion: '1.1', from: '127.0.0.1',
    });
  });

  test('reads bodies of all sizes, whole or as they come', async (t) => {
    const host = await start(t, plain);
    for (const [i, size] of [0, 1, 70000, 250000].entries()) {
      const body = Buffer.alloc(size, 'x');
      assert.equal((await host.ask(2 * i + 1, '/events', { method: 'POST', body })).body.toString(), `true ${size}`);
      assert.ok((await host.ask(2 * i + 2, '/echo', { method: 'POST', body })).body.equals(body), `${size} bytes`);
    }
  });

  test('makes the host wait for a body that it does not read', async (t) => {
    const host = await start(t, plain);
    host.request(1, '/wait', { method: 'POST', end: false });
    for (let i = 0; i < 4; i++) host.data(1, Buffer.alloc(65536));
    assert.equal((await host.ask(2, '/hello')).status, 200);
    assert.ok(host.frames.filter((f) => f.type === 'WINDOW').length <= 1); // Node keeps some of it
  });

  for (const route of ['/throw', '/reject', '/destroy']) {
    test(`costs nobody else anything when it fails before the body has come: ${route}`, async (t) => {
      const host = await start(t, plain);
      host.request(1, route, { method: 'POST', end: false });
      assert.equal((await host.response(1)).error.code, 3);
      assert.equal((await host.ask(2, '/hello')).status, 200);
    });
  }

  test('may send informational responses, which the protocol does not know', async (t) => {
    const host = await start(t, { program: program(`(req, res) => {
      res.writeProcessing();
      res.writeEarlyHints({ link: '</a.css>; rel=preload' });
      res.end('ok');
    }`) });
    const { status, list, body } = await host.ask(1, '/');
    assert.deepEqual([status, list, body.toString()], [200, [['content-length', '2']], 'ok']);
  });

  test('answers before it has read the body', async (t) => {
    const host = await start(t, plain);
    host.request(1, '/ignore', { method: 'POST', end: false });
    assert.equal((await host.response(1)).body.toString(), 'ignored');
    host.data(1, Buffer.alloc(10), true);
    assert.equal((await host.ask(2, '/hello')).status, 200);
  });

  test('sends what it writes when it writes it', async (t) => {
    const host = await start(t, plain);
    const { list, body } = await host.ask(1, '/pieces');
    assert.equal(body.toString(), 'piece 0\npiece 1\npiece 2\nend');
    assert.ok(host.frames.filter((f) => f.stream === 1).length > 4);
    noHopByHop(list);
    host.request(2, '/flushed', { method: 'POST', end: false });
    await host.frame('RESP', 2);
    host.data(2, Buffer.from('x'), true);
  });

  test('is stopped by a client that does not read', async (t) => {
    const host = await start(t, plain);
    host.grants = false;
    for (const [stream, route, size] of [[1, '/large', 3000000], [2, '/large-whole', 1000000]]) {
      host.request(stream, route);
      await host.until(() => host.body(stream).length === WINDOW, 'a window of bytes');
      host.send({ type: 'WINDOW', stream, bytes: size });
      assert.equal((await host.response(stream)).body.length, size);
    }
    assert.equal((await host.response(2)).headers['content-length'], '1000000');
  });

  test('sends no body where there must be none', async (t) => {
    const host = await start(t, plain);
    for (const [i, status] of [204, 304].entries()) {
      const response = await host.ask(1 + i, `/status?${status}`);
      assert.deepEqual([response.status, response.list, response.body.length], [status, [], 0]);
    }
    const head = await host.ask(3, '/hello', { method: 'HEAD' });
    assert.deepEqual([head.status, head.body.length], [200, 0]);
    assert.deepEqual((await host.ask(4, '/nothing')).list, [['content-length', '0']]);
  });

  test('never sends chunks, whatever headers it copies', async (t) => {
    const host = await start(t, plain);
    const { list, body } = await host.ask(1, '/chunked');
    assert.equal(body.toString(), 'ab');
    noHopByHop(list);
  });

  test('that throws is ERROR 3, before the head and behind it', async (t) => {
    const host = await start(t, plain);
    for (const [i, route] of ['/throw', '/reject', '/throw-late'].entries()) {
      const { error, body } = await host.ask(1 + i, route);
      assert.equal(error.code, 3);
      assert.match(error.text, /^boom\n[^]*node-function\.js/);
      assert.equal(body.toString(), route === '/throw-late' ? 'start' : '');
    }
    assert.equal((await host.ask(4, '/throw-after')).body.toString(), 'done');
    await host.until(() => host.stderr.includes('Error: afterwards'), 'error on stderr');
  });

  test('that closes the connection is ERROR 3', async (t) => {
    const host = await start(t, plain);
    const { error } = await host.ask(1, '/destroy');
    assert.deepEqual([error.code, error.text.split('\n')[0]], [3, 'the application closed the connection']);
  });

  test('hears of the end of its response', async (t) => {
    const host = await start(t, plain);
    await host.ask(1, '/events-of-the-end');
    await host.until(() => host.stderr.includes('finish true\nclose\n'), 'finish and close');
  });

  test('hears that the client has gone', async (t) => {
    const host = await start(t, plain);
    for (const [stream, headers] of [[1, []], [2, [['begin', 'yes']]]]) {
      host.stderr = '';
      host.request(stream, '/wait', { headers });
      await host.until(() => host.stderr.includes('called') && (stream === 1 || host.body(2).length > 0), 'call');
      host.send({ type: 'CANCEL', stream, reason: 2 });
      assert.equal((await host.response(stream)).error.code, 2);
      await host.until(() => host.stderr.includes('request closed') && host.stderr.includes('response closed false'), 'both ends');
    }
    assert.equal((await host.ask(3, '/hello')).status, 200);
  });
});

describe('an Express application', () => {
  const app = program(`(() => {
    const express = require('express');
    const app = express();
    app.get('/users/:id', (req, res) => res.json({ id: req.params.id, query: req.query, ip: req.ip, protocol: req.protocol, host: req.hostname }));
    app.post('/users', express.json(), (req, res) => res.status(201).location('/users/7').send(req.body.name));
    app.get('/file', (req, res) => res.sendFile(require('path').resolve('package.json')));
    app.get('/redirect', (req, res) => res.redirect('/users/7'));
    app.get('/throw', () => { throw new Error('boom'); });
    app.use(express.static('lib'));
    app.use((error, req, res, next) => res.status(error.status ?? 500).send('handled: ' + error.message));
    return app;
  })()`);

  test('runs unchanged', async (t) => {
    const host = await start(t, { program: app });
    const user = await host.ask(1, '/users/7?a=1');
    assert.deepEqual(JSON.parse(user.body), { id: '7', query: { a: '1' }, ip: '127.0.0.1', protocol: 'http', host: 'localhost' });
    assert.equal(user.headers['content-type'], 'application/json; charset=utf-8');

    const json = (body) => ({ method: 'POST', headers: [['content-type', 'application/json'], ['content-length', String(body.length)]], body });
    const made = await host.ask(2, '/users', json('{"name":"Ada"}'));
    assert.deepEqual([made.status, made.headers.location, made.body.toString()], [201, '/users/7', 'Ada']);
    assert.equal((await host.ask(3, '/users', json('{'))).status, 400);

    const again = await host.ask(4, '/users/7?a=1', { headers: [['if-none-match', user.headers.etag]] });
    assert.deepEqual([again.status, again.body.length], [304, 0]);
    assert.equal((await host.ask(5, '/redirect')).headers.location, '/users/7');
    assert.equal((await host.ask(6, '/nowhere')).status, 404);
    const thrown = await host.ask(7, '/throw');
    assert.deepEqual([thrown.status, thrown.body.toString()], [500, 'handled: boom']);
  });

  test('sends files, whole and in part', async (t) => {
    const host = await start(t, { program: app });
    assert.equal(JSON.parse((await host.ask(1, '/file')).body).name, 'fwatchdog');
    const part = await host.ask(2, '/frame.js', { headers: [['range', 'bytes=1-10']] });
    assert.deepEqual([part.status, part.body.toString(), part.headers['content-length']], [206, 'use strict', '10']);
  });

  test('answers 64 requests at once', async (t) => {
    const host = await start(t, { program: app });
    for (let stream = 1; stream <= 64; stream++) host.request(stream, `/users/${stream}`);
    for (let stream = 1; stream <= 64; stream++) assert.equal(JSON.parse((await host.response(stream)).body).id, String(stream));
  });
});
