'use strict';

// Encoding and decoding of every frame of FWP/1: bytes in, values out. PROTOCOL.md is the norm.
//
// Keys, values, method and target are bytes: they become strings as latin-1, one character for one byte. Decoders check
// every length against what is there before they believe it.

const { HEADER, MAX_PAYLOAD, END, TYPE, LEVELS, FrameError, writeHeader } = require('./header.js');

/** Takes fields off the front of a payload, or of a part of one. A field that is cut off is a FrameError. */
class Cursor {
  constructor(text, at = 0) {
    this.text = text;
    this.at = at;
  }

  take(length) {
    const at = this.at;
    if (at + length > this.text.length) throw new FrameError('payload', 'a field is cut off');
    this.at = at + length;
    return at;
  }

  u16() {
    const at = this.take(2);
    return (this.text.charCodeAt(at) << 8) | this.text.charCodeAt(at + 1);
  }

  u32() {
    return this.u16() * 65536 + this.u16();
  }

  string() {
    const length = this.u16();
    const at = this.take(length);
    return this.text.substring(at, at + length);
  }

  /** Walks over pairs and returns where they start, for `pairsAt`. */
  skipPairs() {
    const start = this.at;
    for (let strings = 2 * this.u16(); strings > 0; strings--) this.take(this.u16());
    return start;
  }

  pairs() {
    const list = new Array(this.u16());
    for (let i = 0; i < list.length; i++) list[i] = [this.string(), this.string()];
    return list;
  }

  /** Demands that nothing is left. */
  done() {
    if (this.at !== this.text.length) throw new FrameError('payload', 'bytes behind the last field');
  }
}

/** Reads the pairs that `skipPairs` has walked over. */
function pairsAt(text, at) {
  return new Cursor(text, at).pairs();
}

function demand(condition, what) {
  if (!condition) throw new FrameError('payload', what);
}

/** Returns a cursor over the meta of a REQ or RESP. The inline body starts 4 bytes and the meta's length behind `start`. */
function metaOf(bytes, start, end) {
  demand(end - start >= 4, 'no length of meta');
  const length = bytes.readUInt32BE(start);
  demand(length <= end - start - 4, 'meta is longer than the payload');
  return new Cursor(bytes.toString('latin1', start + 4, start + 4 + length));
}

/**
 * Decodes the head of a REQ: the payload stands in `bytes` from `start` to `end`. Headers are checked but not taken
 * apart: `pairsAt(head.text, head.headersAt)` does that. Nothing of the result refers to `bytes`.
 */
function decodeRequestHead(bytes, start, end) {
  const meta = metaOf(bytes, start, end);
  const timeoutMs = meta.u32();
  const method = meta.string();
  const target = meta.string();
  const headersAt = meta.skipPairs();
  return { timeoutMs, method, target, text: meta.text, headersAt, bodyAt: start + 4 + meta.text.length };
}

// Encoders of heads build latin-1 strings: one write brings a whole head into the output, however many fields it has.

const u8 = (number) => String.fromCharCode(number & 0xff);
const u16 = (number) => String.fromCharCode((number >>> 8) & 0xff, number & 0xff);
const u32 = (number) => u16(number >>> 16) + u16(number);

/** Encodes a string: u16 length + bytes. */
function encodeString(string) {
  return u16(string.length) + string;
}

function encodePairs(list) {
  let pairs = u16(list.length);
  for (const [key, value] of list) pairs += encodeString(key) + encodeString(value);
  return pairs;
}

/**
 * Encodes what precedes the inline body of a RESP, as a latin-1 string. `strings` are the headers, `count` of them, each
 * a name and a value from `encodeString`. A head of more than `limit` bytes is a RangeError.
 */
function encodeResponseHead(status, count, strings, limit = MAX_PAYLOAD) {
  const size = 8 + strings.length;
  if (size > limit) throw new RangeError(`response headers too large: ${size} bytes, at most ${limit} here`);
  return u32(size - 4) + u16(status) + u16(count) + strings;
}

function withMeta(meta, body) {
  return Buffer.concat([latin1(u32(meta.length) + meta), body]);
}

function latin1(string) {
  return Buffer.from(string, 'latin1');
}

const nonce = {
  encode: (f) => Buffer.from(f.nonce, 'hex'),
  decode(payload) {
    demand(payload.length === 8, 'a nonce has 8 bytes');
    return { nonce: payload.toString('hex') };
  },
};

/** Each type's payload: `encode` takes the meaning of a frame apart into bytes, `decode` puts it together again. */
const PAYLOAD = {
  HELLO: {
    encode: (f) => latin1(u16(f.min) + u16(f.max) + encodePairs(f.pairs)),
    decode(payload) {
      const cursor = new Cursor(payload.toString('latin1'));
      const hello = { min: cursor.u16(), max: cursor.u16(), pairs: cursor.pairs() };
      cursor.done();
      demand(hello.min <= hello.max, 'the lowest version is above the highest');
      return hello;
    },
  },
  READY: {
    encode: (f) => latin1(encodePairs(f.pairs)),
    decode(payload) {
      if (payload.length === 0) return { pairs: [] };
      const cursor = new Cursor(payload.toString('latin1'));
      const pairs = cursor.pairs();
      cursor.done();
      return { pairs };
    },
  },
  PING: nonce,
  PONG: nonce,
  GOAWAY: {
    encode: (f) => Buffer.from(f.reason),
    decode: (payload) => ({ reason: payload.toString() }),
  },
  LOG: {
    encode: (f) => Buffer.concat([latin1(u8(f.level)), Buffer.from(f.text)]),
    decode(payload) {
      demand(payload.length >= 1, 'LOG without a level');
      return { level: Math.min(payload[0], LEVELS.length - 1), text: payload.toString('utf8', 1) };
    },
  },
  REQ: {
    encode: (f) => withMeta(u32(f.timeoutMs) + encodeString(f.method) + encodeString(f.target) + encodePairs(f.headers), f.body),
    decode(payload) {
      const { timeoutMs, method, target, text, headersAt, bodyAt } = decodeRequestHead(payload, 0, payload.length);
      return { timeoutMs, method, target, headers: pairsAt(text, headersAt), body: payload.subarray(bodyAt) };
    },
  },
  RESP: {
    encode: (f) => withMeta(u16(f.status) + encodePairs(f.headers), f.body),
    decode(payload) {
      const meta = metaOf(payload, 0, payload.length);
      const status = meta.u16();
      demand(status >= 200 && status <= 999, `status ${status}`);
      return { status, headers: meta.pairs(), body: payload.subarray(4 + meta.text.length) };
    },
  },
  DATA: {
    encode: (f) => f.body,
    decode: (payload) => ({ body: payload }),
  },
  WINDOW: {
    encode: (f) => latin1(u32(f.bytes)),
    decode(payload) {
      demand(payload.length === 4, 'WINDOW has 4 bytes');
      return { bytes: payload.readUInt32BE(0) };
    },
  },
  CANCEL: {
    encode: (f) => latin1(u8(f.reason)),
    decode(payload) {
      demand(payload.length === 1, 'CANCEL has 1 byte');
      return { reason: payload[0] };
    },
  },
  ERROR: {
    encode: (f) => Buffer.concat([latin1(u16(f.code)), Buffer.from(f.text)]),
    decode(payload) {
      demand(payload.length >= 2, 'ERROR without a code');
      return { code: payload.readUInt16BE(0), text: payload.toString('utf8', 2) };
    },
  },
};

/** Encodes a whole frame from its meaning: `{type, end, stream}` and the fields of its payload. */
function encode(frame) {
  const payload = PAYLOAD[frame.type].encode(frame);
  const bytes = Buffer.allocUnsafe(HEADER + payload.length);
  writeHeader(bytes, 0, TYPE[frame.type], frame.end ? END : 0, frame.stream ?? 0, payload.length);
  bytes.set(payload, HEADER);
  return bytes;
}

const NAMES = new Map(Object.entries(TYPE).map(([name, type]) => [type, name]));

/** Decodes a payload into its meaning. The bytes in it are views of `payload`. */
function decode(type, payload) {
  const name = NAMES.get(type);
  return name === undefined ? { type: 'UNKNOWN', ignored: true } : { type: name, ...PAYLOAD[name].decode(payload) };
}

module.exports = { decodeRequestHead, pairsAt, encodeString, encodeResponseHead, encode, decode };
