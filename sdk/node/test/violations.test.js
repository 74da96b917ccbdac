'use strict';

const { test, describe } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { encode } = require('../lib/frame.js');
const { start, CONFORMANCE, WINDOW } = require('./host.js');

const hello = encode({ type: 'HELLO', min: 1, max: 1, pairs: [['features', 'window']] });
const request = (stream, end) => encode({ type: 'REQ', stream, end, timeoutMs: 0, method: 'POST', target: '/wait', headers: [], body: Buffer.alloc(0) });
const data = (length, end = false) => encode({ type: 'DATA', stream: 1, end, body: Buffer.alloc(length) });
const window = Array.from({ length: WINDOW / 65536 }, () => data(65536));

/** What a host must not send, behind its HELLO, and what the worker says of it. */
const violations = {
  'text': [[Buffer.from('hello')], /not the start of a frame/],
  'a wrong second byte': [[Buffer.from('fbf8030000000000000000080000000000000001', 'hex')], /not the start of a frame/],
  'an unknown type from 16 up': [[Buffer.from('fbf716000000000100000000', 'hex')], /type 22 is not allowed/],
  'a frame that only a worker sends': [[encode({ type: 'READY', pairs: [] })], /type 2 is not allowed/],
  'a frame of 65537 bytes': [[Buffer.from('fbf712000000000100010001', 'hex')], /65537 bytes of payload/],
  'a frame of 4294967295 bytes': [[Buffer.from('fbf7100000000001ffffffff', 'hex')], /4294967295 bytes of payload/],
  'a request on stream 0': [[request(0, true)], /type 16 on stream 0/],
  'a request whose meta is cut off': [[Buffer.from('fbf71001000000010000000c000000080000000000034745', 'hex')], /cut off/],
  'a second HELLO': [[hello], /second HELLO/],
  'a stream that is used twice': [[request(1, true), request(1, true)], /stream 1 is used a second time/],
  'DATA behind the end': [[request(1, true), data(1)], /DATA on stream 1/],
  'DATA over the window': [[request(1, false), ...window, data(1)], /DATA on stream 1 over the window/],
};

for (const fd of [1, 3]) {
  describe(`a violation with frames on fd ${fd}`, () => {
    for (const [name, [frames, message]] of Object.entries(violations)) {
      test(`${name} is exit 65 and a message`, async (t) => {
        const host = await start(t, { fd });
        for (const frame of frames) host.write(frame);
        assert.deepEqual(await host.exit, { code: 65, signal: null });
        assert.match(host.stderr, /^fwatchdog: protocol error from the host: .+\n$/);
        assert.match(host.stderr, message);
      });
    }

    test('a whole window of DATA is none', async (t) => {
      const host = await start(t, { fd });
      for (const frame of [request(1, false), ...window]) host.write(frame);
      assert.equal((await host.ask(2, '/ignore')).status, 200);
    });

    test('anything before HELLO is exit 65', async (t) => {
      const host = await start(t, { fd, greet: false });
      host.send({ type: 'PING', nonce: '0000000000000001' });
      assert.deepEqual(await host.exit, { code: 65, signal: null });
      assert.match(host.stderr, /before HELLO/);
    });

    test('no common version is an error that names both ranges', async (t) => {
      const host = await start(t, { fd, greet: false });
      host.send({ type: 'HELLO', min: 2, max: 5, pairs: [] });
      assert.deepEqual(await host.exit, { code: 65, signal: null });
      assert.match(host.stderr, /the host speaks 2 to 5, this SDK 1 to 1/);
    });

    test('unknown types below 16 are none', async (t) => {
      const host = await start(t, { fd });
      host.write(Buffer.from('fbf70f02000000000000000361626300', 'hex').subarray(0, 15));
      assert.equal((await host.ask(1, '/ignore')).status, 200);
    });
  });
}

test('a program that fwatchdog did not start says so and exits 64', () => {
  const env = { ...process.env };
  delete env.FWATCHDOG_WORKER;
  const { status, stdout, stderr } = spawnSync(process.execPath, [CONFORMANCE], { env, input: '', encoding: 'utf8' });
  assert.equal(status, 64);
  assert.equal(stdout, '');
  assert.equal(stderr, 'fwatchdog: this program is a worker: start it with fwatchdog\n');
});

test('a program that a worker starts is no worker itself', async (t) => {
  const host = await start(t, { program: ['-e', `
    require('./index.js').serve(() => {
      const { spawnSync } = require('child_process');
      return String(spawnSync(process.execPath, ['conformance.js'], { input: '' }).status);
    });
  `] });
  assert.equal((await host.ask(1, '/')).body.toString(), '64');
});

test('a host without the feature window gets no WINDOW and may send as it likes', async (t) => {
  const host = await start(t, { greet: false });
  host.grants = false;
  host.hello([]);
  await host.frame('READY');
  host.request(1, '/size', { method: 'POST', end: false });
  for (let i = 0; i < 16; i++) host.data(1, Buffer.alloc(65536), i === 15);
  assert.equal((await host.response(1)).body.toString(), String(16 * 65536));
  assert.equal((await host.ask(2, '/stream?n=1000000&piece=1000')).body.length, 1000000);
  assert.deepEqual(host.frames.filter((f) => f.type === 'WINDOW'), []);
});

test('a host that takes smaller frames gets smaller frames', async (t) => {
  const host = await start(t, { greet: false });
  host.hello([['max_frame', '1000'], ['features', 'window']]);
  await host.frame('READY');
  assert.equal((await host.ask(1, '/bytes?n=10000')).body.length, 10000);
  assert.ok(host.frames.every((f) => f.body === undefined || f.body.length <= 1000));
});

test('the operator decides about the concurrency', async (t) => {
  const host = await start(t, { env: { FWATCHDOG_CONCURRENCY: '2' } });
  assert.equal(new Map(host.frames[0].pairs).get('concurrency'), '2');
  host.request(1, '/wait');
  host.request(2, '/wait');
  assert.equal((await host.ask(3, '/ignore')).error.code, 4);
});
