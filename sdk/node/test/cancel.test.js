'use strict';

const { test, describe } = require('node:test');
const assert = require('node:assert/strict');
const { start, WINDOW } = require('./host.js');

const cancel = (host, stream, reason = 1) => host.send({ type: 'CANCEL', stream, reason });

/** Serves with what the text of a handler says; `sdk` holds the package. */
const program = (handler) => ['-e', `const sdk = require('./index.js'); sdk.serve(${handler});`];

for (const fd of [1, 3]) {
  describe(`CANCEL with frames on fd ${fd}`, () => {
    test('of an unknown stream is ignored', async (t) => {
      const host = await start(t, { fd });
      cancel(host, 7);
      assert.equal((await host.ask(8, '/ignore')).status, 200);
    });

    test('tells the handler, which has the last word and one terminal frame', async (t) => {
      const host = await start(t, { fd });
      host.request(1, '/wait');
      cancel(host, 1);
      cancel(host, 1); // a second one changes nothing
      const { body } = await host.response(1);
      assert.equal(body.toString(), 'cancelled');
      assert.deepEqual(host.frames.filter((f) => f.type === 'LOG').map((f) => [f.stream, f.level, f.text]), [[1, 1, 'cancelled']]);
      cancel(host, 1); // crossed on the pipe
      await host.ask(2, '/ignore');
      assert.equal(host.terminals(1).length, 1);
    });

    test('of a handler that does not look is answered when the handler answers', async (t) => {
      const host = await start(t, { fd });
      host.request(1, '/sleep?ms=50');
      cancel(host, 1);
      assert.equal((await host.response(1)).body.toString(), 'slept');
    });

    for (const [reason, text] of [[1, 'the deadline has passed'], [2, 'the client has gone'], [3, 'the host stops'], [9, 'reason 9']]) {
      test(`for reason ${reason} aborts the signal with "${text}"`, async (t) => {
        const host = await start(t, { fd, program: program(`async ({ signal }) => {
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          return signal.reason.name + ' ' + signal.reason.message;
        }`) });
        host.request(1, '/');
        cancel(host, 1, reason);
        assert.equal((await host.response(1)).body.toString(), `AbortError cancelled: ${text}`);
      });
    }

    test('ends what waits for the signal of Node, as ERROR 2', async (t) => {
      const host = await start(t, { fd, program: program(`
        (request) => require('timers/promises').setTimeout(1e6, 'done', { signal: request.signal })
      `) });
      host.request(1, '/');
      cancel(host, 1);
      assert.equal((await host.response(1)).error.code, 2);
    });

    test('of a handler that fails for a reason of its own is ERROR 3', async (t) => {
      const host = await start(t, { fd, program: program(`async ({ signal }) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        throw new Error('boom');
      }`) });
      host.request(1, '/');
      cancel(host, 1);
      assert.equal((await host.response(1)).error.code, 3);
    });

    test('ends a read of the body, as ERROR 2', async (t) => {
      const host = await start(t, { fd });
      host.request(1, '/size', { method: 'POST', end: false });
      host.request(2, '/echo', { method: 'POST', end: false });
      host.data(1, Buffer.alloc(10));
      cancel(host, 1);
      cancel(host, 2);
      assert.equal((await host.response(1)).error.code, 2);
      assert.equal((await host.response(2)).error.code, 2);
      host.data(1, Buffer.alloc(10)); // crossed on the pipe
      assert.equal((await host.ask(3, '/ignore')).status, 200);
    });

    test('breaks a streamed response off between two pieces, and one that waits for the window', async (t) => {
      const host = await start(t, { fd });
      host.grants = false;
      host.request(1, '/events?n=1000000&ms=1');
      host.request(2, '/stream?n=1000000&piece=1000');
      host.request(3, '/bytes?n=1000000');
      await host.until(() => host.body(1).length > 20 && host.body(2).length === WINDOW && host.body(3).length > WINDOW, 'three windows');
      for (const stream of [1, 2, 3]) {
        cancel(host, stream);
        const { status, error } = await host.response(stream);
        assert.deepEqual([status, error.code], [200, 2]);
        host.send({ type: 'WINDOW', stream, bytes: 1000 }); // crossed on the pipe
      }
      const { length } = host.body(1);
      await host.ask(4, '/sleep?ms=20');
      assert.equal(host.body(1).length, length);
      assert.deepEqual([1, 2, 3].map((stream) => host.terminals(stream).length), [1, 1, 1]);
    });

    test('that comes when the whole response is on its way changes nothing', async (t) => {
      const host = await start(t, { fd, program: program(`({ path }) => Buffer.alloc(Number(path.slice(1)))`) });
      for (const [i, size] of [100, 60000, 70000, 120000, 130000, 190000].entries()) {
        const stream = 2 * i + 1;
        host.request(stream, `/${size}`);
        cancel(host, stream);
        const { status, error, body } = await host.response(stream);
        assert.ok(error?.code === 2 || body.length === size, `${size} bytes: ${status} ${error}`);
        await host.ask(stream + 1, '/1');
        assert.equal(host.terminals(stream).length, 1, `${size} bytes`);
      }
    });

    test('breaks off a large response that begins after it: nobody opens the window any more', async (t) => {
      const host = await start(t, { fd, program: program(`async ({ path, signal }) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        return path === '/whole' ? Buffer.alloc(1000000) : (async function* () { for (;;) yield Buffer.alloc(10000); })();
      }`) });
      host.grants = false; // as the host when it has cancelled
      for (const [i, path] of ['/whole', '/pieces'].entries()) {
        host.request(i + 1, path);
        cancel(host, i + 1);
        assert.equal((await host.response(i + 1)).error.code, 2);
      }
    });

    test('ends a stream whose source hangs, and lets the source clean up', async (t) => {
      const host = await start(t, { fd, program: program(`({ path, signal }) => {
        const { Readable } = require('stream');
        if (path === '/readable') {
          const readable = new Readable({ read() {}, destroy(error, done) { console.error('destroyed'); done(error); } });
          readable.push('first');
          return readable;
        }
        return (async function* () {
          try {
            yield 'first';
            await new Promise((resolve) => path === '/polite' && signal.addEventListener('abort', resolve));
            yield 'never';
          } finally {
            console.error('cleaned up');
          }
        })();
      }`) });
      for (const [i, path] of ['/hung', '/polite', '/readable'].entries()) {
        const stream = i + 1;
        host.request(stream, path);
        await host.until(() => host.body(stream).length > 0, 'first piece');
        cancel(host, stream);
        const { body, error } = await host.response(stream);
        assert.deepEqual([body.toString(), error.code], ['first', 2]);
      }
      await host.until(() => host.stderr.includes('destroyed') && host.stderr.includes('cleaned up'), 'clean-up');
    });
  });
}
