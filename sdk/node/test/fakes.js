'use strict';

// Exchanges without a process: what they send is decoded and kept.

const { END, FROM, MAX_PAYLOAD } = require('../lib/header.js');
const { decode, decodeRequestHead, encode } = require('../lib/frame.js');
const { HEADER } = require('../lib/header.js');
const { FrameReader } = require('../lib/reader.js');
const { SharedOutput } = require('../lib/output.js');
const { Exchange } = require('../lib/exchange.js');
const { Request } = require('../lib/request.js');

/** An output that keeps decoded frames. */
class FakeOutput extends SharedOutput {
  frames = [];
  #reader = new FrameReader(FROM.WORKER, MAX_PAYLOAD, (type, flags, stream, bytes, start, end) => {
    this.frames.push({ ...decode(type, Buffer.from(bytes.subarray(start, end))), end: (flags & END) !== 0, stream });
  });

  constructor() {
    super(-1, () => {});
  }

  flush() {
    this.#reader.push(this.bytes, this.end);
    this.end = 0;
  }
}

/** A worker that has one exchange. */
function makeExchange({ body = null, complete = true, window = 262144, inputEnded = false } = {}) {
  const worker = {
    output: new FakeOutput(),
    window,
    inputEnded,
    logs: [],
    ended: 0,
    log: (level, text, stream) => worker.logs.push([level, text, stream]),
    closed: () => worker.ended++,
  };
  const exchange = new Exchange(worker, 7, body === null ? null : Buffer.from(body), complete);
  /** Waits until the exchange has ended, and returns its frames. */
  const frames = async () => {
    while (worker.ended === 0) await new Promise(setImmediate);
    worker.output.flush();
    return worker.output.frames;
  };
  return { exchange, worker, frames };
}

/** A request as it comes off the wire. */
function makeRequest({ method = 'GET', target = '/', headers = [], timeoutMs = 0, ...rest } = {}) {
  const made = makeExchange(rest);
  const bytes = encode({ type: 'REQ', stream: 7, method, target, headers, timeoutMs, body: Buffer.alloc(0) });
  return { ...made, request: new Request(made.exchange, decodeRequestHead(bytes, HEADER, bytes.length)) };
}

/** Brings a DATA frame's bytes, in memory that is used anew. Returns whether the host was allowed to send them. */
function bring(exchange, text, complete) {
  const frame = Buffer.from(`<${text}>`);
  const allowed = exchange.data(frame, 1, frame.length - 1, complete);
  frame.fill('!');
  return allowed;
}

module.exports = { bring, makeExchange, makeRequest };
