'use strict';

const { test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const { start } = require('./host.js');

const MEBIBYTE = 1024 * 1024;

/** In MiB: what V8 lets lie before it collects, and far less than what goes through. */
const MAX_GROWTH = 96;

/** The most memory that a process ever had, in MiB. */
function peak(pid) {
  const [, kib] = /VmHWM:\s+(\d+) kB/.exec(fs.readFileSync(`/proc/${pid}/status`, 'latin1'));
  return kib / 1024;
}

for (const fd of [1, 3]) {
  test(`memory stays flat while nobody reads fd ${fd}, however much the host allows`, async (t) => {
    const host = await start(t, { fd });
    host.grants = false;
    const before = peak(host.child.pid);
    host.pause();
    const streams = [1, 2, 3, 4, 5, 6, 7, 8];
    for (const stream of streams) {
      host.request(stream, `/stream?n=${32 * MEBIBYTE}&piece=100000`);
      host.send({ type: 'WINDOW', stream, bytes: 64 * MEBIBYTE });
    }
    await new Promise(setImmediate);
    host.resume();
    let received = 0;
    await host.until(() => {
      for (const frame of host.frames) received += frame.body?.length ?? 0;
      const ended = host.frames.filter((f) => f.type === 'DATA' && f.end).length;
      streams.splice(0, ended);
      host.frames = []; // this process is to stay small as well
      return streams.length === 0;
    }, 'end of all streams');
    assert.equal(received, 8 * 32 * MEBIBYTE);
    const growth = peak(host.child.pid) - before;
    assert.ok(growth < MAX_GROWTH, `grew by ${growth} MiB`);
  });

  test(`memory stays flat through 64 uploads at once, with frames on fd ${fd}`, async (t) => {
    const host = await start(t, { fd });
    const before = peak(host.child.pid);
    const piece = Buffer.alloc(65536);
    for (let stream = 1; stream <= 64; stream++) {
      host.request(stream, '/wait', { method: 'POST', end: false });
      for (let i = 0; i < 4; i++) host.data(stream, piece); // the window: a host could not send more
    }
    for (let stream = 1; stream <= 64; stream++) host.send({ type: 'CANCEL', stream, reason: 2 });
    for (let stream = 1; stream <= 64; stream++) await host.response(stream);
    const growth = peak(host.child.pid) - before;
    assert.ok(growth < MAX_GROWTH, `grew by ${growth} MiB`);
  });
}
