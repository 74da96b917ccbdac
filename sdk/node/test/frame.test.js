'use strict';

const { test, describe } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { END, FROM, FrameError, HEADER, MAX_PAYLOAD, TYPE } = require('../lib/header.js');
const { decode, encode, encodeResponseHead, encodeString } = require('../lib/frame.js');
const { FrameReader } = require('../lib/reader.js');
const { SHARED_PAYLOAD } = require('./host.js');

const file = path.join(__dirname, '..', '..', '..', 'protocol', 'testdata', 'vectors.json');
const vectors = JSON.parse(fs.readFileSync(file));

/** Cuts bytes into frames and decodes them. `pieces` says how the bytes arrive. */
function read(from, bytes, { limit = MAX_PAYLOAD, piece = bytes.length } = {}) {
  const frames = [];
  const reader = new FrameReader(FROM[from.toUpperCase()], limit, (type, flags, stream, chunk, start, end) => {
    frames.push({ ...decode(type, Buffer.from(chunk.subarray(start, end))), end: (flags & END) !== 0, stream });
  });
  const chunk = Buffer.alloc(piece);
  for (let at = 0; at < bytes.length; at += piece) {
    const length = bytes.copy(chunk, 0, at, at + piece);
    reader.push(chunk, length);
    chunk.fill(0); // a reader that keeps a view of the chunk is found out
  }
  return frames;
}

/** Writes a frame in the words of the vectors. */
function inWords(frame) {
  return 'body' in frame ? { ...frame, body: frame.body.toString('hex') } : frame;
}

function wordsOf({ name, from, hex, lossy, ...words }) {
  return words;
}

describe('vectors', () => {
  test('there are at least 60', () => {
    assert.ok(vectors.frames.length + vectors.bad.length >= 60);
  });

  for (const vector of vectors.frames) {
    const bytes = Buffer.from(vector.hex, 'hex');

    test(`${vector.name}: decodes to its meaning, whole and in small pieces`, () => {
      assert.deepEqual(read(vector.from, bytes).map(inWords), [wordsOf(vector)]);
      assert.deepEqual(read(vector.from, bytes, { piece: 1 }).map(inWords), [wordsOf(vector)]);
      assert.deepEqual(read(vector.from, bytes, { piece: 13 }).map(inWords), [wordsOf(vector)]);
    });

    if (vector.lossy || vector.ignored) continue;
    test(`${vector.name}: encodes to its bytes`, () => {
      const frame = 'body' in vector ? { ...vector, body: Buffer.from(vector.body, 'hex') } : vector;
      assert.deepEqual(encode(frame).toString('hex'), vector.hex);
    });
  }

  for (const vector of vectors.bad) {
    test(`${vector.name}: is refused for its ${vector.error}`, () => {
      const bytes = Buffer.from(vector.hex, 'hex');
      const limit = vector.shared ? SHARED_PAYLOAD : MAX_PAYLOAD;
      for (const piece of [bytes.length, 1]) {
        assert.throws(
          () => read(vector.from, bytes, { limit, piece }),
          (error) => error instanceof FrameError && error.kind === vector.error,
        );
      }
    });
  }
});

describe('frame reader', () => {
  const ping = (n) => encode({ type: 'PING', nonce: n.toString(16).padStart(16, '0') });
  const large = encode({ type: 'DATA', stream: 1, body: Buffer.alloc(MAX_PAYLOAD, 7) });

  test('cuts many frames out of one chunk, and one frame out of many chunks', () => {
    const bytes = Buffer.concat([ping(1), large, ping(2), ping(3)]);
    for (const piece of [bytes.length, 1, 11, 12, 13, 19, 20, 21, 4096, 65536]) {
      const frames = read('host', bytes, { piece });
      assert.deepEqual(frames.map((f) => f.nonce ?? f.body.length), ['0000000000000001', 65536, '0000000000000002', '0000000000000003']);
    }
  });

  test('refuses a wrong first byte before a second one has come', () => {
    assert.throws(() => read('host', Buffer.from('h')), { kind: 'magic' });
    assert.throws(() => read('host', Buffer.concat([ping(1), Buffer.from('h')])), { kind: 'magic' });
  });

  test('delivers the frames that stand before a wrong one', () => {
    const types = [];
    const reader = new FrameReader(FROM.HOST, MAX_PAYLOAD, (type) => types.push(type));
    const bytes = Buffer.concat([ping(1), Buffer.from('garbage')]);
    assert.throws(() => reader.push(bytes, bytes.length), { kind: 'magic' });
    assert.deepEqual(types, [TYPE.PING]);
  });
});

test('a response head over the limit is refused before anything is allocated', () => {
  const head = (n) => encodeResponseHead(200, 1, encodeString('x') + encodeString('a'.repeat(n)), 100);
  assert.equal(head(100 - 8 - 4 - 1).length, 100);
  assert.throws(() => head(100 - 8 - 4), /response headers too large: 101 bytes, at most 100/);
});

test('strings are latin-1: one byte for one character', () => {
  const bytes = encode({ type: 'RESP', stream: 1, end: true, status: 200, headers: [['x', 'é\xff']], body: Buffer.from('é') });
  assert.equal(bytes.length, HEADER + 4 + 2 + 2 + 2 + 1 + 2 + 2 + 2);
  assert.deepEqual(decode(TYPE.RESP, bytes.subarray(HEADER)).headers, [['x', 'é\xff']]);
});
