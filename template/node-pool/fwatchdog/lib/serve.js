'use strict';

const { CODE, DEFAULT_WINDOW, END, FROM, FrameError, LEVELS, MAX_PAYLOAD, TYPE, VERSION } = require('./header.js');
const { decode, decodeRequestHead, encode } = require('./frame.js');
const { FrameReader } = require('./reader.js');
const { OwnOutput, SharedOutput } = require('./output.js');
const { Exchange } = require('./exchange.js');
const { Request } = require('./request.js');
const { copyOf } = require('./upload.js');
const { describe } = require('./errors.js');
const { cutText, splitText } = require('./text.js');
const { outputFd, readInput } = require('./pipes.js');
const { version } = require('../package.json');

/** How many requests a worker takes at once unless it says otherwise. */
const DEFAULT_CONCURRENCY = 64;

/** The types that this version has. All others that come this far are ignored. */
const KNOWN = new Set(Object.values(TYPE));

// Exit codes, those above 1 as in sysexits.h.
const EXIT_FAILED = 1;
const EXIT_USAGE = 64;
const EXIT_PROTOCOL = 65;

/** The worker's side of the pipes: the handshake, the loop over the host's frames, and the end. */
class Worker {
  /** Where frames are appended. */
  output;
  /** The bytes of DATA that may be sent on a stream before the first WINDOW. Infinite when the host has no windows. */
  window = DEFAULT_WINDOW;
  /** Whether the host has closed stdin. */
  inputEnded = false;
  #handler;
  #concurrency;
  #reader = new FrameReader(FROM.HOST, MAX_PAYLOAD, (type, flags, stream, bytes, start, end) => {
    this.#take(type, flags, stream, bytes, start, end);
  });
  #open = new Map(); // stream number to Exchange
  #lastStream = 0;
  #greeted = false; // the host's HELLO has come
  #ready = false; // READY has been sent
  #leaving = false; // GOAWAY has come, or stdin has ended

  constructor(handler, concurrency) {
    this.#handler = handler;
    this.#concurrency = concurrency;
    const onGone = (error) => stop(0, `the host is gone: ${error.message}`); // as at the end of stdin
    this.output = outputFd === 1 ? new SharedOutput(1, onGone) : new OwnOutput(outputFd, onGone);
  }

  /** Says HELLO, reads what the host says, calls `init`, says READY. */
  async start(init) {
    process.on('exit', () => this.output.flushSync());
    process.on('beforeExit', () => this.#endStranded());
    process.on('uncaughtException', (error) => this.#crash(error));
    this.#hello();
    readInput((chunk, length) => this.#push(chunk, length), () => this.#endInput());
    try {
      await init?.();
    } catch (error) {
      this.#failInit(error);
      this.output.drain(() => stop(EXIT_FAILED));
      return;
    }
    this.output.appendFrame(encode({ type: 'READY', pairs: [] }));
    this.#ready = true;
    this.#leaveIfDone();
  }

  /** Logs a text for a request, or for the worker itself when `stream` is 0. A long one takes several frames. */
  log(level, text, stream) {
    const number = LEVELS.indexOf(level);
    if (number < 0) throw new TypeError(`${level} is no level: use ${LEVELS.join(', ')}`);
    for (const piece of splitText(String(text), this.output.maxPayload - 1)) {
      this.output.appendFrame(encode({ type: 'LOG', stream, level: number, text: piece }));
    }
  }

  /** Forgets an exchange that has ended. */
  closed(exchange) {
    this.#open.delete(exchange.stream);
    if (this.inputEnded) this.#leaveIfDone();
  }

  #hello() {
    const features = outputFd === 1 ? 'window' : 'window exclusive';
    this.output.appendFrame(encode({
      type: 'HELLO',
      min: VERSION.MIN,
      max: VERSION.MAX,
      pairs: [
        ['sdk', `node/${version}`],
        ['runtime', `node ${process.versions.node}`],
        ['pid', String(process.pid)],
        ['concurrency', String(this.#concurrency)],
        ['features', features],
      ],
    }));
    this.output.flush(); // user code may be loaded next, and take its time
  }

  #push(chunk, length) {
    try {
      this.#reader.push(chunk, length);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      stop(EXIT_PROTOCOL, `protocol error from the host: ${error.message}`);
    }
  }

  #take(type, flags, stream, bytes, start, end) {
    if (!this.#greeted && type !== TYPE.HELLO && KNOWN.has(type)) throw new FrameError('type', `type ${type} before HELLO`);
    const last = (flags & END) !== 0;
    switch (type) {
      case TYPE.REQ:
        return this.#request(stream, last, bytes, start, end);
      case TYPE.DATA:
        return this.#data(stream, last, bytes, start, end);
      // Both are decoded in any case: on a stream that has ended a wrong payload is as wrong.
      case TYPE.WINDOW: {
        const { bytes: more } = decode(type, bytes.subarray(start, end));
        return this.#open.get(stream)?.allow(more);
      }
      case TYPE.CANCEL: {
        const { reason } = decode(type, bytes.subarray(start, end));
        return this.#open.get(stream)?.cancel(reason);
      }
      case TYPE.PING:
        return this.output.appendFrame(encode({ type: 'PONG', nonce: decode(type, bytes.subarray(start, end)).nonce }));
      case TYPE.GOAWAY:
        this.#leaving = true; // and EOF follows
        return undefined;
      case TYPE.HELLO:
        return this.#greet(decode(type, bytes.subarray(start, end)));
    }
  }

  #greet({ min, max, pairs }) {
    if (this.#greeted) throw new FrameError('type', 'a second HELLO');
    this.#greeted = true;
    if (min > VERSION.MAX || max < VERSION.MIN) {
      stop(EXIT_PROTOCOL, `no common version: the host speaks ${min} to ${max}, this SDK ${VERSION.MIN} to ${VERSION.MAX}`);
    }
    const said = new Map(pairs.reverse()); // of a repeated key the first counts
    const features = (said.get('features') ?? '').split(' ');
    this.window = features.includes('window') ? numberOf(said.get('window'), DEFAULT_WINDOW) : Infinity;
    this.output.maxPayload = Math.min(this.output.maxPayload, Number(said.get('max_frame')) || MAX_PAYLOAD);
  }

  #request(stream, complete, bytes, start, end) {
    if (stream <= this.#lastStream) throw new FrameError('stream', `stream ${stream} is used a second time`);
    this.#lastStream = stream;
    const head = decodeRequestHead(bytes, start, end);
    const inline = head.bodyAt === end ? null : copyOf(bytes, head.bodyAt, end);
    const exchange = new Exchange(this, stream, inline, complete);
    const refusal = this.#refusal();
    this.#open.set(stream, exchange);
    if (refusal !== null) exchange.refuse(refusal);
    else this.#handle(exchange, new Request(exchange, head));
  }

  #refusal() {
    if (!this.#ready) return 'the worker is not ready';
    if (this.#leaving) return 'the worker is leaving';
    if (this.#open.size >= this.#concurrency) return 'the worker takes no more requests at once';
    return null;
  }

  #handle(exchange, request) {
    let result;
    try {
      result = this.#handler(request);
    } catch (error) {
      exchange.raise(error);
      return;
    }
    // Without a promise the answer goes into the same write as its neighbours'.
    if (typeof result?.then === 'function') result.then((value) => exchange.answer(value), (error) => exchange.raise(error));
    else exchange.answer(result);
  }

  #data(stream, complete, bytes, start, end) {
    const exchange = this.#open.get(stream);
    if (exchange === undefined) return; // it has ended meanwhile: they crossed on the pipe
    const allowed = exchange.data(bytes, start, end, complete);
    if (!allowed) throw new FrameError('stream', `DATA on stream ${stream} over the window, or behind its end`);
  }

  #endInput() {
    this.inputEnded = true;
    this.#leaving = true;
    for (const exchange of this.#open.values()) exchange.endInput();
    this.#leaveIfDone();
  }

  /** Stops when nothing is in flight and the host has closed the pipe. Until then a streamed response needs WINDOW and CANCEL. */
  #leaveIfDone() {
    if (this.inputEnded && this.#ready && this.#open.size === 0) this.output.drain(() => stop(0));
  }

  /** Ends what is open when the event loop has nothing left to do: the process would end without a word about it. */
  #endStranded() {
    for (const exchange of [...this.#open.values()]) exchange.strand();
  }

  /** Ends the process after an exception that nobody caught. It is the only open request's, if there is just one. */
  #crash(error) {
    if (process.listenerCount('uncaughtException') > 1) return; // the function has a handler of its own
    const [exchange] = this.#open.size === 1 ? this.#open.values() : [];
    if (this.#ready) exchange?.raise(error);
    else this.#failInit(error);
    this.output.drain(() => stop(EXIT_FAILED, `uncaught exception: ${describe(error)}`));
  }

  #failInit(error) {
    const text = cutText(describe(error), this.output.maxPayload - 2);
    this.output.appendFrame(encode({ type: 'ERROR', stream: 0, code: CODE.INIT, text }));
  }
}

/** Returns the number that a text of HELLO says, or `otherwise` when it says none. */
function numberOf(text, otherwise) {
  return /^\d+$/.test(text) ? Number(text) : otherwise;
}

function stop(code, why) {
  if (why !== undefined) process.stderr.write(`fwatchdog: ${why}\n`);
  process.exit(code);
}

/** Reads the operator's wish for the concurrency. */
function wishedConcurrency() {
  const wish = Number(process.env.FWATCHDOG_CONCURRENCY);
  return Number.isInteger(wish) && wish > 0 ? wish : undefined;
}

let serving = false;

/**
 * Makes this process a worker that answers requests with `handler(request)`, for the rest of its life.
 *
 * `init`, if given, runs before the worker is ready; it may load code and return a promise, and what it throws makes the
 * start fail. `concurrency` is how many requests are handled at once (64); the operator's FWATCHDOG_CONCURRENCY wins.
 */
function serve(handler, { init, concurrency = DEFAULT_CONCURRENCY } = {}) {
  if (typeof handler !== 'function') throw new TypeError('serve needs a handler: a function that takes a request');
  if (outputFd === 0) stop(EXIT_USAGE, 'this program is a worker: start it with fwatchdog');
  if (serving) throw new Error('this process serves already');
  serving = true;
  new Worker(handler, wishedConcurrency() ?? concurrency).start(init);
}

module.exports = { serve };
