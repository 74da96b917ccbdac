'use strict';

// The conformance function over real pipes, with both outputs. What no host would send on purpose is in violations.test.js.

const { test, describe } = require('node:test');
const assert = require('node:assert/strict');
const { start, WINDOW, SHARED_PAYLOAD } = require('./host.js');

const pattern = (length) => Buffer.from(Array.from({ length }, (_, i) => i % 251));
const SIZES = [0, 1, SHARED_PAYLOAD, SHARED_PAYLOAD + 1, 65536, 5 * 1024 * 1024];

/** Sends a body as a host does: in DATA frames, as the worker grants them. Returns the most that was ever on its way. */
async function upload(host, stream, body, size = 65536) {
  let sent = 0;
  let most = 0;
  const granted = () => host.frames.filter((f) => f.type === 'WINDOW' && f.stream === stream).reduce((sum, f) => sum + f.bytes, 0);
  const room = () => WINDOW + granted() - sent;
  while (sent < body.length) {
    const length = Math.min(size, body.length - sent);
    await host.until(() => room() >= length || host.terminals(stream).length > 0, 'window');
    if (host.terminals(stream).length > 0) return most;
    most = Math.max(most, sent + length - granted());
    host.data(stream, body.subarray(sent, sent + length), sent + length === body.length);
    sent += length;
  }
  return most;
}

for (const fd of [1, 3]) {
  describe(`with frames on fd ${fd}`, () => {
    test('the handshake says who the worker is and what it can do', async (t) => {
      const host = await start(t, { fd });

      const hello = host.frames[0];
      const said = new Map(hello.pairs);
      assert.equal(hello.type, 'HELLO');
      assert.deepEqual([hello.min, hello.max], [1, 1]);
      assert.equal(said.get('pid'), String(host.child.pid));
      assert.equal(said.get('concurrency'), '64');
      assert.equal(said.get('features'), fd === 1 ? 'window' : 'window exclusive');
      assert.match(said.get('sdk'), /^node\/\d/);
      assert.match(said.get('runtime'), /^node \d/);
      assert.equal(host.frames[1].type, 'READY');
    });

    test('bodies of all sizes come back as they were sent', async (t) => {
      const host = await start(t, { fd });
      for (const [i, size] of SIZES.entries()) {
        const stream = i + 1;
        const body = pattern(size);
        const type = ['content-type', 'image/x'];
        host.request(stream, '/echo?a=%2F', { method: 'PUT', headers: [type], body: body.subarray(0, 1000), end: size <= 1000 });
        await upload(host, stream, body.subarray(1000));

        const response = await host.response(stream);

        assert.equal(response.status, 200);
        assert.ok(response.body.equals(body), `${size} bytes`);
        assert.deepEqual(response.list.slice(0, 3), [['x-method', 'PUT'], ['x-target', '/echo?a=%2F'], type]);
      }
    });

    test('streamed responses of all sizes arrive whole', async (t) => {
      const host = await start(t, { fd });
      let stream = 0;
      for (const size of SIZES) {
        for (const piece of size > 100000 ? [100000] : [1000, 100000]) {
          const { status, body } = await host.ask(++stream, `/stream?n=${size}&piece=${piece}`);
          assert.equal(status, 200);
          assert.ok(body.equals(pattern(size)), `${size} bytes in pieces of ${piece}`);
        }
      }
    });

    test('a large whole body arrives under the window', async (t) => {
      const host = await start(t, { fd });
      const { body } = await host.ask(1, '/bytes?n=5242880');
      assert.ok(body.equals(pattern(5242880)));
    });

    test('a body is echoed while it still arrives', async (t) => {
      const host = await start(t, { fd });
      host.request(1, '/stream-echo', { method: 'POST', end: false });
      await host.frame('RESP', 1); // the head has come before any of the body was sent
      const body = pattern(1024 * 1024);
      await upload(host, 1, body);
      assert.ok((await host.response(1)).body.equals(body));
    });

    test('stdin in one-byte pieces is understood', async (t) => {
      const host = await start(t, { fd, greet: false });
      const write = host.write.bind(host);
      host.write = (bytes) => {
        for (const byte of bytes) write(Buffer.from([byte]));
      };
      host.hello();
      await host.frame('READY');
      const { body } = await host.ask(1, '/echo', { method: 'POST', body: 'hello' });
      assert.equal(body.toString(), 'hello');
    });

    test('64 requests at once are handled together', async (t) => {
      const host = await start(t, { fd });
      for (let stream = 1; stream <= 64; stream++) host.request(stream, stream === 1 ? '/wait' : `/sleep?ms=${stream % 7}`);
      for (let stream = 2; stream <= 64; stream++) assert.equal((await host.response(stream)).body.toString(), 'slept');
      assert.equal(host.terminals(1).length, 0);
      host.send({ type: 'CANCEL', stream: 1, reason: 2 });
      assert.equal((await host.response(1)).body.toString(), 'cancelled');
    });

    test('the 65th request at once is refused unstarted', async (t) => {
      const host = await start(t, { fd });
      for (let stream = 1; stream <= 64; stream++) host.request(stream, '/wait');
      const { error } = await host.ask(65, '/ignore');
      assert.equal(error.code, 4);
    });

    test('a slow consumer gets exactly one window, and others go on', async (t) => {
      const host = await start(t, { fd });
      host.grants = false;
      host.request(1, '/stream?n=2000000&piece=50000');
      await host.until(() => host.body(1).length === WINDOW, 'a window of bytes');
      assert.equal((await host.ask(2, '/ignore')).body.toString(), 'ignored');
      assert.equal(host.body(1).length, WINDOW);

      host.send({ type: 'WINDOW', stream: 1, bytes: 1 });
      await host.until(() => host.body(1).length === WINDOW + 1, 'one more byte');
      host.grants = true;
      host.send({ type: 'WINDOW', stream: 1, bytes: 100000 });
      assert.ok((await host.response(1)).body.equals(pattern(2000000)));
    });

    test('an upload waits for a slow handler, which grants what it has read in steps of half a window', async (t) => {
      const host = await start(t, { fd });
      host.request(1, '/slow-size?ms=1', { method: 'POST', end: false });
      const most = await upload(host, 1, pattern(1000000), 50000);
      assert.equal((await host.response(1)).body.toString(), '1000000');
      assert.ok(most <= WINDOW);
      const grants = host.frames.filter((f) => f.type === 'WINDOW').map((f) => f.bytes);
      assert.ok(grants.length >= 5 && grants.every((bytes) => bytes >= WINDOW / 2), String(grants));
    });

    test('an upload that nobody reads is not granted', async (t) => {
      const host = await start(t, { fd });
      host.request(1, '/wait', { method: 'POST', end: false });
      host.data(1, Buffer.alloc(65536));
      host.data(1, Buffer.alloc(65536));
      host.data(1, Buffer.alloc(65536));
      await host.ask(2, '/ignore');
      assert.deepEqual(host.frames.filter((f) => f.type === 'WINDOW'), []);
    });

    test('a handler that does not read the upload answers at once, and the rest is thrown away', async (t) => {
      const host = await start(t, { fd });
      host.request(1, '/ignore', { method: 'POST', end: false });
      assert.equal((await host.response(1)).body.toString(), 'ignored');
      host.data(1, Buffer.alloc(1000));
      host.data(1, Buffer.alloc(0), true);
      host.send({ type: 'CANCEL', stream: 1, reason: 2 });
      host.send({ type: 'WINDOW', stream: 1, bytes: 5 });
      assert.equal((await host.ask(2, '/echo', { body: 'still here' })).body.toString(), 'still here');
      assert.equal(host.terminals(1).length, 1);
    });

    test('response headers that do not fit one frame are ERROR 3, and those that just fit are sent', async (t) => {
      const host = await start(t, { fd });
      const room = (fd === 1 ? SHARED_PAYLOAD : 65536) - 4 - 2 - 2 - 2 - 'x-big'.length - 2;
      const fits = await host.ask(1, `/head?n=${room}`);
      assert.equal(fits.headers?.['x-big'].length, room);
      for (const [i, n] of [room + 1, 70000].entries()) {
        const { error } = await host.ask(2 + i, `/head?n=${n}`);
        assert.equal(error.code, 3);
        assert.match(error.text, /response headers too large/);
      }
    });

    test('repeated, empty and very long headers arrive in order', async (t) => {
      const host = await start(t, { fd });
      const cookie = 'c'.repeat(60000);
      const headers = [['a', '1'], ['a', '2'], ['x-empty', ''], ['x-latin', 'é\xff'], ['cookie', cookie]];
      const { body } = await host.ask(1, '/headers', { headers });
      assert.equal(body.toString('latin1'), `host: localhost\na: 1\na: 2\nx-empty: \nx-latin: é\xff\ncookie: ${cookie}\n`);
      assert.deepEqual((await host.ask(2, '/cookies')).list.slice(0, 3), [['set-cookie', 'a=1'], ['set-cookie', 'b=2'], ['x-empty', '']]);
    });

    test('an unknown path is 404, and a status is sent as it is', async (t) => {
      const host = await start(t, { fd });
      const missing = await host.ask(1, '/nowhere');
      assert.deepEqual([missing.status, missing.body.toString()], [404, 'no such route']);
      assert.equal((await host.ask(2, '/status?code=204')).status, 204);
    });

    test('logs carry level and stream, and long ones take several frames', async (t) => {
      const host = await start(t, { fd });
      await host.ask(1, '/log?text=hello');
      assert.deepEqual(
        host.frames.filter((f) => f.type === 'LOG').map((f) => [f.stream, f.level, f.text]),
        [[1, 0, 'hello'], [1, 1, 'hello'], [1, 2, 'hello'], [1, 3, 'hello']],
      );
      await host.ask(2, '/log-long?n=100000');
      const logs = host.frames.filter((f) => f.type === 'LOG' && f.stream === 2);
      assert.equal(logs.map((f) => f.text).join(''), 'x'.repeat(100000));
    });

    test('the deadline is what is left of the time, or none', async (t) => {
      const host = await start(t, { fd });
      assert.equal((await host.ask(1, '/deadline')).body.toString(), 'none');
      const left = Number((await host.ask(2, '/deadline', { timeoutMs: 60000 })).body.toString());
      assert.ok(left > 50000 && left <= 60000, String(left));
    });

    test('PING is answered at once, before READY too', async (t) => {
      const host = await start(t, { fd, greet: false, program: ['-e', `
        require('./index.js').serve(() => 'ok', { init: () => new Promise(() => setTimeout(() => {}, 1e6)) });
      `] });
      host.hello();
      host.send({ type: 'PING', nonce: '00000000000000ff' });
      assert.equal((await host.frame('PONG')).nonce, '00000000000000ff');
    });

    test('a request before READY is refused unstarted', async (t) => {
      const host = await start(t, { fd, greet: false, program: ['-e', `
        require('./index.js').serve(() => 'ok', { init: () => new Promise(() => setTimeout(() => {}, 1e6)) });
      `] });
      host.hello();
      assert.equal((await host.ask(1, '/')).error.code, 4);
    });
  });
}
