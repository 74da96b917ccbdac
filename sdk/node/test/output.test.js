'use strict';

const { test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const { promisify } = require('node:util');
const { END, FROM, HEADER, SHARED_WRITE, TYPE, checkHeader } = require('../lib/header.js');
const { OwnOutput, SharedOutput } = require('../lib/output.js');
const { cutText, splitText } = require('../lib/text.js');
const { makePipe } = require('./host.js');

/** Replaces fs.writeSync by something that keeps what was written to fd -1, and may fail before. */
function captureWrites(t, fail = () => {}) {
  const writes = [];
  t.mock.method(fs, 'writeSync', (fd, bytes, at, length) => {
    assert.equal(fd, -1);
    fail();
    writes.push(Buffer.from(bytes.subarray(at, at + length)));
    return length;
  });
  return writes;
}

/** Returns the payload lengths of the frames in some bytes, which must be whole. */
function lengthsOf(bytes, limit) {
  const lengths = [];
  for (let at = 0; at < bytes.length; at += HEADER + lengths.at(-1)) lengths.push(checkHeader(bytes, at, FROM.WORKER, limit));
  return lengths;
}

test('a shared pipe gets writes of at most 4096 bytes that hold whole frames, as many as fit', (t) => {
  const writes = captureWrites(t);
  const output = new SharedOutput(-1, assert.fail);
  const payloads = [100, 3972, 97, 3976, 4084, 0, 1, 1];
  for (const length of payloads) output.append(TYPE.DATA, 0, 1, Buffer.alloc(length));
  output.flush();
  assert.deepEqual(writes.map((bytes) => lengthsOf(bytes, output.maxPayload)), [[100, 3972], [97], [3976], [4084], [0, 1, 1]]);
  assert.deepEqual(writes.map((bytes) => bytes.length <= SHARED_WRITE), [true, true, true, true, true]);
});

test('what is appended in one turn leaves in one write, what promises append as well', async (t) => {
  const writes = captureWrites(t);
  const output = new SharedOutput(-1, assert.fail);
  for (let i = 0; i < 10; i++) Promise.resolve().then(() => output.append(TYPE.DATA, END, 1, null));
  await new Promise(setImmediate);
  assert.equal(writes.length, 1);
  assert.equal(lengthsOf(writes[0], output.maxPayload).length, 10);
});

test('a full pipe that somebody has made non-blocking is tried again', (t) => {
  let failures = 3;
  const writes = captureWrites(t, () => {
    if (failures-- > 0) throw Object.assign(new Error('full'), { code: 'EAGAIN' });
  });
  const output = new SharedOutput(-1, assert.fail);
  output.append(TYPE.DATA, END, 1, Buffer.from('x'));
  output.flush();
  assert.equal(writes.length, 1);
});

test('a pipe that nobody reads is reported', (t) => {
  captureWrites(t, () => {
    throw Object.assign(new Error('broken'), { code: 'EPIPE' });
  });
  const errors = [];
  const output = new SharedOutput(-1, (error) => errors.push(error.code));
  output.append(TYPE.DATA, END, 1, Buffer.from('x'));
  output.flush();
  assert.deepEqual(errors, ['EPIPE']);
});

test('a pipe of its own never blocks, keeps the order, and says when it is empty again', async () => {
  const { read, write } = makePipe();
  const output = new OwnOutput(write, assert.fail);
  const count = 40;
  for (let i = 0; i < count; i++) {
    output.append(TYPE.DATA, 0, i + 1, Buffer.alloc(60000, i));
    if (i % 3 === 0) output.flush();
  }
  let drained = false;
  output.drain(() => { drained = true; });
  assert.deepEqual([output.blocked, drained], [true, false]);

  const size = count * (HEADER + 60000);
  const received = Buffer.alloc(size);
  for (let at = 0; at < size;) {
    const { bytesRead } = await promisify(fs.read)(read, received, at, size - at, null);
    at += bytesRead;
  }
  await new Promise(setImmediate); // the socket learns of its last write
  for (let i = 0; i < count; i++) {
    const at = i * (HEADER + 60000);
    assert.equal(received.readUInt32BE(at + 4), i + 1);
    assert.ok(received.subarray(at + HEADER, at + HEADER + 60000).every((byte) => byte === i));
  }
  assert.deepEqual([output.blocked, drained], [false, true]);
  fs.closeSync(read);
});

test('texts are cut at the border of a character, and split without a loss', () => {
  const text = 'aé€😀'; // 1, 2, 3 and 4 bytes
  const cuts = ['', 'a', 'a', 'aé', 'aé', 'aé', 'aé€', 'aé€', 'aé€', 'aé€', text, text];
  cuts.forEach((cut, limit) => assert.equal(cutText(text, limit), cut));
  for (let limit = 4; limit < 12; limit++) {
    const pieces = splitText(text, limit);
    assert.equal(pieces.join(''), text);
    assert.ok(pieces.every((piece) => Buffer.byteLength(piece) <= limit));
  }
  assert.deepEqual(splitText('', 4), ['']);
});
