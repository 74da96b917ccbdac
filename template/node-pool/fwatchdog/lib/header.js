'use strict';

// What stands before every payload of FWP/1: types, limits, and who may send what where.
//
//  0      1      2      3      4                 8                 12
// +------+------+------+------+-----------------+-----------------+---------
// | 0xFB | 0xF7 | type | flags| stream  u32 BE  | length  u32 BE  | payload
// +------+------+------+------+-----------------+-----------------+---------

/** The versions of the protocol that this package speaks. */
const VERSION = Object.freeze({ MIN: 1, MAX: 1 });

/** The bytes that precede every payload. */
const HEADER = 12;

/** The largest payload of a frame. */
const MAX_PAYLOAD = 65536;

/** The largest write on a pipe that other writers share: Linux's PIPE_BUF, below which writes are not torn. */
const SHARED_WRITE = 4096;

/** The bytes of DATA that may be sent on a stream before the first WINDOW, when HELLO does not say otherwise. */
const DEFAULT_WINDOW = 262144;

/** The flag of the last frame of one direction of a stream. */
const END = 1;

/** The types of frames. */
const TYPE = Object.freeze({
  HELLO: 1,
  READY: 2,
  PING: 3,
  PONG: 4,
  GOAWAY: 5,
  LOG: 6,
  REQ: 16,
  RESP: 17,
  DATA: 18,
  WINDOW: 19,
  CANCEL: 20,
  ERROR: 21,
});

/** The codes of ERROR. */
const CODE = Object.freeze({ INIT: 1, CANCELLED: 2, RAISED: 3, NOT_STARTED: 4, BAD_REQUEST: 5, PROTOCOL: 6 });

/** The levels of LOG, in the order of their numbers. */
const LEVELS = Object.freeze(['debug', 'info', 'warn', 'error']);

/** Says that bytes are no frame. `kind` is `magic`, `type`, `flags`, `length`, `stream` or `payload`. */
class FrameError extends Error {
  constructor(kind, text) {
    super(text);
    this.name = 'FrameError';
    this.kind = kind;
  }
}

// Where a type may stand: bit 0 on stream 0, bit 1 on a request's stream. 0 is a type that the side does not send.
const CONTROL = 1;
const REQUEST = 2;
const EITHER = CONTROL | REQUEST;

function places(byType) {
  const table = new Uint8Array(256);
  table.fill(EITHER, 0, 16); // unknown types below 16 are ignored
  for (const name of Object.keys(TYPE)) table[TYPE[name]] = byType[name] ?? 0;
  return table;
}

/** What each side may send. A flag that this version does not define is a worker's mistake, but a later host's right. */
const FROM = Object.freeze({
  HOST: {
    flags: 0xff,
    places: places({ HELLO: CONTROL, PING: CONTROL, GOAWAY: CONTROL, REQ: REQUEST, DATA: REQUEST, WINDOW: REQUEST, CANCEL: REQUEST }),
  },
  WORKER: {
    flags: END,
    places: places({
      HELLO: CONTROL, READY: CONTROL, PONG: CONTROL, GOAWAY: CONTROL, LOG: EITHER,
      RESP: REQUEST, DATA: REQUEST, WINDOW: REQUEST, ERROR: EITHER,
    }),
  },
});

/** Checks the two bytes that begin a frame, or the first alone while the second has not come. */
function checkMagic(first, second = 0xf7) {
  if (first !== 0xfb || second !== 0xf7) throw new FrameError('magic', 'not the start of a frame');
}

/**
 * Checks all that the 12 bytes at `at` can tell by themselves and returns the length of the payload. `from` is the side
 * that sent them and `limit` the largest payload that it may send.
 */
function checkHeader(bytes, at, from, limit) {
  checkMagic(bytes[at], bytes[at + 1]);
  const type = bytes[at + 2];
  const place = from.places[type];
  if (place === 0) throw new FrameError('type', `type ${type} is not allowed here`);
  if ((bytes[at + 3] | from.flags) !== from.flags) throw new FrameError('flags', `flags ${bytes[at + 3]} on type ${type}`);
  const length = bytes.readUInt32BE(at + 8);
  if (length > limit) throw new FrameError('length', `${length} bytes of payload, at most ${limit} here`);
  const stream = bytes.readUInt32BE(at + 4);
  if ((place & (stream === 0 ? CONTROL : REQUEST)) === 0) throw new FrameError('stream', `type ${type} on stream ${stream}`);
  return length;
}

/** Writes the 12 bytes of a header at `at`. */
function writeHeader(bytes, at, type, flags, stream, length) {
  bytes[at] = 0xfb;
  bytes[at + 1] = 0xf7;
  bytes[at + 2] = type;
  bytes[at + 3] = flags;
  bytes.writeUInt32BE(stream, at + 4);
  bytes.writeUInt32BE(length, at + 8);
}

module.exports = {
  VERSION, HEADER, MAX_PAYLOAD, SHARED_WRITE, DEFAULT_WINDOW, END, TYPE, CODE, LEVELS, FROM, FrameError,
  checkMagic, checkHeader, writeHeader,
};
