'use strict';

// What user code does to a worker: it prints, throws, exits.

const { test, describe } = require('node:test');
const assert = require('node:assert/strict');
const { start, SHARED_PAYLOAD } = require('./host.js');

for (const fd of [1, 3]) {
  describe(`with frames on fd ${fd}`, () => {
    test('prints of all kinds break nothing', async (t) => {
      const host = await start(t, { fd, env: { CONFORMANCE_NOISE: '1' } });
      let stream = 0;
      for (const route of ['/print', '/print-subprocess', '/print-raw']) {
        assert.equal((await host.ask(++stream, route)).body.toString(), 'printed');
      }
      await host.leave();
      const logs = host.stray + host.stdout + host.stderr;
      for (const text of ['printed at import', 'printed by the handler', 'printed by a subprocess', 'printed raw']) {
        assert.equal(logs.split(`${text}\n`).length, 2, `"${text}" once in ${logs}`);
      }
      if (fd === 1) assert.match(host.stderr, /printed at import\nprinted by the handler\n/);
    });

    test('a subprocess that reads the stdin it inherits gets none of the frames', async (t) => {
      const host = await start(t, { fd, program: ['-e', `
        const { serve } = require('./index.js');
        const { spawnSync } = require('child_process');
        serve(() => spawnSync('cat', { stdio: ['inherit', 'pipe', 'inherit'] }).stdout);
      `] });
      for (let stream = 1; stream <= 3; stream++) host.request(stream, '/');
      for (let stream = 1; stream <= 3; stream++) assert.equal((await host.response(stream)).body.length, 0);
    });

    test('a raised error is ERROR 3 with the message in the first line and the stack behind it', async (t) => {
      const host = await start(t, { fd });
      const { error } = await host.ask(1, '/throw');
      assert.equal(error.code, 3);
      assert.match(error.text, /^boom\n[^]*conformance\.js/);
      assert.equal((await host.ask(2, '/ignore')).body.toString(), 'ignored');
    });

    for (const thrown of ['null', 'undefined']) {
      test(`${thrown} that is thrown or rejected is ERROR 3, for nobody has cancelled`, async (t) => {
        const host = await start(t, { fd, program: ['-e', `
          require('./index.js').serve(({ path }) => {
            if (path === '/reject') return Promise.reject(${thrown});
            throw ${thrown};
          });
        `] });
        for (const [i, path] of ['/throw', '/reject'].entries()) {
          const { error } = await host.ask(i + 1, path);
          assert.deepEqual([error.code, error.text], [3, thrown]);
        }
      });
    }

    for (const read of ['body', 'text', 'json']) {
      test(`${read}() that the handler has not awaited when it answers is no failure of the process`, async (t) => {
        const host = await start(t, { fd, program: ['-e', `
          require('./index.js').serve((request) => {
            request.${read}();
            return new Promise((resolve) => setImmediate(resolve, { status: 401 }));
          });
        `] });
        host.request(1, '/', { method: 'POST', end: false });
        assert.equal((await host.response(1)).status, 401);
        assert.equal((await host.ask(2, '/')).status, 401);
      });
    }

    test('a long error text is cut to the frame at a character border', async (t) => {
      const host = await start(t, { fd });
      const { error } = await host.ask(1, '/throw-long?n=70000');
      const room = (fd === 1 ? SHARED_PAYLOAD : 65536) - 2;
      assert.ok(error.text.startsWith('boom\né'));
      assert.ok(!error.text.includes('\ufffd'));
      const bytes = Buffer.byteLength(error.text);
      assert.ok(bytes === room || bytes === room - 1, `${bytes} bytes`);
    });

    test('an error behind the head ends the stream with ERROR', async (t) => {
      const host = await start(t, { fd });
      const { status, body, error } = await host.ask(1, '/throw-late');
      assert.deepEqual([status, body.toString(), error.code], [200, 'start', 3]);
      assert.match(error.text, /^boom\n/);
    });

    test('a failing init is ERROR 1 with the stack, and exit 1', async (t) => {
      const host = await start(t, { fd, greet: false, env: { CONFORMANCE_INIT_ERROR: '1' } });
      host.hello();
      const error = await host.frame('ERROR');
      assert.equal(error.code, 1);
      assert.match(error.text, /^no database\n[^]*conformance\.js/);
      assert.deepEqual(await host.exit, { code: 1, signal: null });
    });

    test('a handler that exits ends the process with its code', async (t) => {
      const host = await start(t, { fd });
      host.request(1, '/ignore');
      host.request(2, '/exit?code=3');
      assert.deepEqual(await host.exit, { code: 3, signal: null });
      await host.ended;
      assert.equal(host.body(1).toString(), 'ignored'); // what was answered before has left
    });

    test('an uncaught exception is ERROR 3 of the only request, the log of the worker, and exit 1', async (t) => {
      const host = await start(t, { fd, program: ['-e', `
        require('./index.js').serve((request) => {
          setTimeout(() => { throw new Error('late ' + request.path); });
          return new Promise(() => {});
        });
      `] });
      const { error } = await host.ask(1, '/boom');
      assert.equal(error.code, 3);
      assert.match(error.text, /^late \/boom\n/);
      assert.deepEqual(await host.exit, { code: 1, signal: null });
      assert.match(host.stderr, /uncaught exception: late \/boom/);
    });

    test('an unhandled rejection among several requests ends the process and blames none', async (t) => {
      const host = await start(t, { fd, program: ['-e', `
        require('./index.js').serve((request) => {
          if (request.path === '/boom') Promise.reject(new Error('nobody cares'));
          return new Promise(() => {});
        });
      `] });
      host.request(1, '/');
      host.request(2, '/boom');
      assert.deepEqual(await host.exit, { code: 1, signal: null });
      assert.match(host.stderr, /uncaught exception: nobody cares/);
      assert.deepEqual(host.frames.filter((f) => f.type === 'ERROR'), []);
    });

    test('a function that handles uncaught exceptions itself goes on', async (t) => {
      const host = await start(t, { fd, program: ['-e', `
        process.on('uncaughtException', (error) => console.error('handled: ' + error.message));
        require('./index.js').serve(({ path }) => {
          if (path === '/boom') setTimeout(() => { throw new Error('boom'); });
          return path;
        });
      `] });
      await host.ask(1, '/boom');
      await host.until(() => host.stderr.includes('handled: boom'), 'message of the function');
      assert.equal((await host.ask(2, '/alive')).body.toString(), '/alive');
    });

    test('an uncaught exception before READY is ERROR 1', async (t) => {
      const host = await start(t, { fd, greet: false, program: ['-e', `
        require('./index.js').serve(() => 'ok', { init: () => new Promise(() => setTimeout(() => { throw new Error('boom'); })) });
      `] });
      host.hello();
      const error = await host.frame('ERROR');
      assert.deepEqual([error.code, error.text.split('\n')[0]], [1, 'boom']);
      assert.deepEqual(await host.exit, { code: 1, signal: null });
    });

    test('the death of the host ends the process when it answers', async (t) => {
      const host = await start(t, { fd });
      host.abandon();
      host.request(1, '/ignore');
      assert.deepEqual(await host.exit, { code: 0, signal: null });
      assert.match(host.stderr, /^fwatchdog: the host is gone: .*EPIPE/);
    });
  });
}
