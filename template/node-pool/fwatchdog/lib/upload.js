'use strict';

const { quiet } = require('./errors.js');

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
  #reader = null; // the one read that waits for a piece
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

  /** Takes a DATA frame's bytes. Returns whether the host was allowed to send them. */
  push(piece, complete) {
    this.#credit -= piece.length;
    if (this.#complete || this.#credit < 0) return false;
    this.#complete = complete;
    if (piece.length > 0) this.#pieces.push(piece);
    if (this.#reader !== null && (piece.length > 0 || complete)) {
      const { resolve } = this.#reader;
      this.#reader = null;
      resolve(this.#next());
    }
    return true;
  }

  /** Ends every read, now and later, with an error. What has not been read is thrown away. */
  fail(error) {
    this.#failure ??= error;
    this.#pieces = [];
    if (this.#reader === null) return;
    this.#reader.reject(this.#failure);
    this.#reader = null;
  }

  /** Whether all of the body has come. */
  get complete() {
    return this.#complete;
  }

  /** Returns a promise of the whole body. It may be asked for again. */
  all() {
    this.#all ??= quiet(this.#collect());
    return this.#all;
  }

  async #collect() {
    if (this.#complete && this.#pieces.length === 1) return this.read(); // most bodies
    const pieces = [];
    for (let piece = await this.read(); piece !== null; piece = await this.read()) pieces.push(piece);
    return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
  }

  /** Returns the next piece, or null at the end: at once or as a promise. */
  read() {
    if (this.#reader !== null) return Promise.reject(new Error('the body is being read already'));
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.#pieces.length > 0 || this.#complete) return this.#next();
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }

  #next() {
    if (this.#pieces.length === 0) return null;
    const piece = this.#pieces.shift();
    this.#read += piece.length;
    if (!this.#complete && this.#read >= this.#window / 2) {
      this.#credit += this.#read;
      this.#exchange.grant(this.#read);
      this.#read = 0;
    }
    return piece;
  }

  /** Reads piece by piece. Each loop goes on where the last one stopped. */
  async *[Symbol.asyncIterator]() {
    for (let piece = await this.read(); piece !== null; piece = await this.read()) yield piece;
  }
}

module.exports = { Upload };
