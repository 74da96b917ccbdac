'use strict';

const { test, describe } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { encode } = require('../lib/frame.js');
const { start, CONFORMANCE, WINDOW } = require('./host.js');

const DONE = { code: 0, signal: null };
const goAway = (host) => host.send({ type: 'GOAWAY', reason: 'max_age' });

for (const fd of [1, 3]) {
  describe(`leaving with frames on fd ${fd}`, () => {
    test('GOAWAY while idle ends nothing before EOF', async (t) => {
      const host = await start(t, { fd });
      goAway(host);
      host.send({ type: 'PING', nonce: '0000000000000001' });
      await host.frame('PONG');
      host.close();
      assert.deepEqual(await host.exit, DONE);
    });

    test('GOAWAY while busy lets what is in flight finish, and refuses what is new', async (t) => {
      const host = await start(t, { fd });
      host.request(1, '/sleep?ms=100');
      goAway(host);
      host.request(2, '/ignore');
      assert.equal((await host.response(2)).error.code, 4);
      assert.equal((await host.response(1)).body.toString(), 'slept');
      host.close();
      assert.deepEqual(await host.exit, DONE);
    });

    test('GOAWAY during a streamed response: WINDOW, CANCEL and PING are still heard', async (t) => {
      const host = await start(t, { fd });
      host.grants = false;
      host.request(1, '/stream?n=300000&piece=1000');
      host.request(2, '/wait');
      await host.until(() => host.body(1).length === WINDOW, 'window');
      goAway(host);
      host.send({ type: 'PING', nonce: '0000000000000001' });
      await host.frame('PONG');
      host.send({ type: 'WINDOW', stream: 1, bytes: WINDOW });
      assert.equal((await host.response(1)).body.length, 300000);
      host.send({ type: 'CANCEL', stream: 2, reason: 3 });
      assert.equal((await host.response(2)).body.toString(), 'cancelled');
      host.close();
      assert.deepEqual(await host.exit, DONE);
    });

    test('GOAWAY during an upload: the rest of it is still read', async (t) => {
      const host = await start(t, { fd });
      host.request(1, '/size', { method: 'POST', end: false });
      goAway(host);
      host.data(1, Buffer.alloc(1000), true);
      assert.equal((await host.response(1)).body.toString(), '1000');
      host.close();
      assert.deepEqual(await host.exit, DONE);
    });

    test('EOF while idle ends the process, in the middle of a frame too', async (t) => {
      for (const rest of [Buffer.alloc(0), encode({ type: 'PING', nonce: '0000000000000001' }).subarray(0, 15)]) {
        const host = await start(t, { fd });
        host.write(rest);
        host.close();
        assert.deepEqual(await host.exit, DONE);
      }
    });

    test('EOF while busy lets what is in flight finish', async (t) => {
      const host = await start(t, { fd });
      host.request(1, '/sleep?ms=100');
      host.request(2, '/events?n=5&ms=10');
      host.write(encode({ type: 'PING', nonce: '0000000000000001' }).subarray(0, 15));
      host.close();
      assert.equal((await host.response(1)).body.toString(), 'slept');
      assert.equal((await host.response(2)).body.toString(), 'event 0\nevent 1\nevent 2\nevent 3\nevent 4\n');
      assert.deepEqual(await host.exit, DONE);
    });

    test('EOF in the middle of an upload fails the read, and of a download that lacks window the stream', async (t) => {
      const host = await start(t, { fd });
      host.grants = false;
      host.request(1, '/size', { method: 'POST', end: false });
      host.request(2, '/stream?n=300000&piece=1000');
      host.request(3, '/stream-echo', { method: 'POST', end: false });
      await host.until(() => host.body(2).length === WINDOW, 'window');
      host.close();
      assert.equal((await host.response(1)).error.code, 3);
      assert.equal((await host.response(2)).error.code, 2);
      assert.ok((await host.response(3)).error);
      assert.deepEqual(await host.exit, DONE);
    });

    test('EOF aborts the signal of a handler, which may still answer and stream', async (t) => {
      const host = await start(t, { fd, program: ['-e', `
        const { once } = require('events');
        require('./index.js').serve(async ({ path, signal }) => {
          if (path === '/late') await new Promise((resolve) => setTimeout(resolve, 50));
          if (!signal.aborted) await once(signal, 'abort');
          return (async function* () { yield signal.reason.name + ' '; yield signal.reason.message; })();
        });
      `] });
      host.request(1, '/');
      host.request(2, '/late');
      host.close();
      for (const stream of [1, 2]) assert.equal((await host.response(stream)).body.toString(), 'AbortError the host closed stdin');
      assert.deepEqual(await host.exit, DONE);
    });

    test('EOF lets a handler of the HTTP server of Node finish', async (t) => {
      const host = await start(t, { fd, program: ['-e', `
        const { serve, fromNodeHandler } = require('./index.js');
        serve(fromNodeHandler((req, res) => setTimeout(() => res.end('done'), 50)));
      `] });
      host.request(1, '/');
      host.close();
      assert.equal((await host.response(1)).body.toString(), 'done');
      assert.deepEqual(await host.exit, DONE);
    });

    test('EOF ends the stream of a handler that waits for nothing, and of a source that does', async (t) => {
      const host = await start(t, { fd, program: ['-e', `
        require('./index.js').serve(({ path }) => {
          if (path === '/handler') return new Promise(() => {});
          return (async function* () { yield 'first'; await new Promise(() => {}); })();
        });
      `] });
      host.request(1, '/handler');
      host.request(2, '/source');
      host.close();
      for (const stream of [1, 2]) {
        assert.equal((await host.response(stream)).error.code, 3);
        assert.equal(host.terminals(stream).length, 1);
      }
      assert.deepEqual(await host.exit, DONE);
    });

    test('SIGTERM and SIGINT are ignored', async (t) => {
      const host = await start(t, { fd });
      host.request(1, '/sleep?ms=50');
      host.child.kill('SIGTERM');
      host.child.kill('SIGINT');
      assert.equal((await host.response(1)).body.toString(), 'slept');
      assert.deepEqual(await host.leave(), DONE);
    });

    test('a connection that the function keeps open does not keep the process', async (t) => {
      const host = await start(t, { fd, program: ['-e', `
        setInterval(() => {}, 1000);
        require('./index.js').serve(() => 'ok');
      `] });
      goAway(host);
      host.close();
      assert.deepEqual(await host.exit, DONE);
    });

    test('a large answer leaves before the process does', async (t) => {
      const host = await start(t, { fd });
      host.pause();
      host.request(1, '/bytes?n=262144');
      host.close();
      await new Promise(setImmediate);
      host.resume();
      assert.equal((await host.response(1)).body.length, 262144);
      assert.deepEqual(await host.exit, DONE);
    });
  });
}

describe('a worker whose stdin is no pipe of a host', () => {
  /** Starts the conformance function in a shell, which says where stdin comes from. */
  const run = (command, folder) => spawnSync('sh', ['-c', command, process.execPath, CONFORMANCE], {
    cwd: folder,
    env: { ...process.env, FWATCHDOG_WORKER: '1', CONFORMANCE_NOISE: '1' },
  });
  const ready = encode({ type: 'READY', pairs: [] });

  for (const [name, command] of [['an empty pipe', ': | "$0" "$1"'], ['/dev/null', '"$0" "$1" < /dev/null']]) {
    test(`${name}: everything is loaded, READY is said, exit 0`, () => {
      const { status, stdout, stderr } = run(command);
      assert.equal(status, 0);
      assert.ok(stdout.includes(ready));
      assert.equal(stderr.toString(), 'printed at import\n');
    });
  }

  test('a file: its frames are answered', (t) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'fwatchdog-'));
    t.after(() => fs.rmSync(folder, { recursive: true }));
    const hello = encode({ type: 'HELLO', min: 1, max: 1, pairs: [] });
    const ping = encode({ type: 'PING', nonce: '00000000000000aa' });
    fs.writeFileSync(path.join(folder, 'frames'), Buffer.concat([hello, ping]));
    const { status, stdout } = run('"$0" "$1" < frames', folder);
    assert.equal(status, 0);
    assert.ok(stdout.includes(ready));
    assert.ok(stdout.includes(encode({ type: 'PONG', nonce: '00000000000000aa' })));
  });
});
