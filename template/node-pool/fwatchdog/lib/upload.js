'use strict';

const { quiet } = require('./errors.js');

/** The longest body for which memory is set aside before it has come: what a client announces must not cost more. */
const MAX_ANNOUNCED = 8 << 20;

/**
 * The body of a request on its way in. Only what the handler has read is granted to the host again, in steps of half a
 * window, so no more than a window of it ever waits here.
 */
class Upload {
  #exchange;
  #window;
  #credit; // the bytes of DATA that the host may still send
  #read; // the bytes of DATA that have been read and not been granted again
  #pieces = [];
  #complete;
  #failure = null;
  #reader = null; // the one read that waits: for a piece, or for all
  #whole = null; // what all of the body is gathered in, when its length is known
  #length = 0; // how much of it has been gathered
  #all = null;

  /**
   * `inline` is what came with the request, which flow control does not count, or null; `complete` says that it is all.
   */
  constructor(exchange, inline, complete, window) {
    this.#exchange = exchange;
    this.#window = window;
    this.#credit = window;
    this.#read = 0;
    if (inline !== null) {
      this.#pieces.push(inline);
      this.#read = -inline.length;
    }
    this.#complete = complete;
  }

  /**
   * Takes a DATA frame's bytes, which stand in `bytes` from `start` to `end` until it returns. Returns whether the host was
   * allowed to send them.
   */
  push(bytes, start, end, complete) {
    this.#credit -= end - start;
    if (this.#complete || this.#credit < 0) return false;
    this.#complete = complete;
    if (this.#whole !== null) {
      this.#gather(bytes, start, end);
      if (!complete) return true;
      this.#resolve(this.#whole.subarray(0, this.#length));
      this.#whole = null; // it is the handler's
      return true;
    }
    if (end > start) this.#pieces.push(copyOf(bytes, start, end));
    if (this.#reader !== null && (end > start || complete)) this.#resolve(this.#next());
    return true;
  }

  #resolve(value) {
    const { resolve } = this.#reader;
    this.#reader = null;
    resolve(value);
  }

  /** Ends every read, now and later, with an error. What has not been read is thrown away. */
  fail(error) {
    this.#failure ??= error;
    this.#pieces = [];
    this.#whole = null;
    if (this.#reader === null) return;
    this.#reader.reject(this.#failure);
    this.#reader = null;
  }

  /** Whether all of the body has come. */
  get complete() {
    return this.#complete;
  }

  /**
   * Returns a promise of the whole body. It may be asked for again. `announced()` tells how many bytes that are; what is not a
   * whole number is not known. It is called only where more is to come.
   */
  all(announced) {
    this.#all ??= quiet(this.#collect(announced));
    return this.#all;
  }

  async #collect(announced) {
    if (this.#complete && this.#pieces.length === 1) return this.read(); // most bodies
    if (!this.#complete && this.#reader === null && this.#failure === null) {
      const length = announced();
      if (Number.isInteger(length) && length > 0 && length <= MAX_ANNOUNCED) return this.#gatherAll(length);
    }
    const pieces = [];
    for (let piece = await this.read(); piece !== null; piece = await this.read()) pieces.push(piece);
    return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
  }

  /** Gathers what is still to come in one piece of memory: the pieces need not be kept, nor joined. */
  #gatherAll(length) {
    this.#whole = Buffer.allocUnsafeSlow(length);
    for (const piece of this.#pieces.splice(0)) this.#gather(piece, 0, piece.length);
    return this.#wait();
  }

  #gather(bytes, start, end) {
    const length = this.#length + end - start;
    if (length > this.#whole.length) this.#whole = Buffer.concat([this.#whole], 2 * length); // the announcement was wrong
    bytes.copy(this.#whole, this.#length, start, end);
    this.#length = length;
    this.#taken(end - start);
  }

  /** Returns the next piece, or null at the end: at once or as a promise. */
  read() {
    if (this.#reader !== null) return Promise.reject(new Error('the body is being read already'));
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.#pieces.length > 0 || this.#complete) return this.#next();
    return this.#wait();
  }

  #wait() {
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }

  #next() {
    if (this.#pieces.length === 0) return null;
    const piece = this.#pieces.shift();
    this.#taken(piece.length);
    return piece;
  }

  /** Notes that the handler has so many bytes more, and lets the host send as much again. */
  #taken(bytes) {
    this.#read += bytes;
    if (this.#complete || this.#read < this.#window / 2) return;
    this.#credit += this.#read;
    this.#exchange.grant(this.#read);
    this.#read = 0;
  }

  /** Reads piece by piece. Each loop goes on where the last one stopped. */
  async *[Symbol.asyncIterator]() {
    for (let piece = await this.read(); piece !== null; piece = await this.read()) yield piece;
  }
}

/** Copies what will be used anew. */
function copyOf(bytes, start, end) {
  const copy = Buffer.allocUnsafe(end - start);
  bytes.copy(copy, 0, start, end);
  return copy;
}

module.exports = { Upload, copyOf };
