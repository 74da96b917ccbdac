'use strict';

const { END, TYPE } = require('./header.js');

/** The body of a response on its way out, behind its RESP: DATA frames, as many as the window and the pipe take. */
class Download {
  #exchange;
  #output;
  #window; // the bytes of DATA that may still be sent
  #source = null; // what the pieces come from
  #iterator = null;
  #wake = null; // continues `send` once the window or the pipe has opened
  #inputEnded = false;
  #over = false;

  constructor(exchange, output, window) {
    this.#exchange = exchange;
    this.#output = output;
    this.#window = window;
  }

  /** Allows more bytes. */
  grant(bytes) {
    this.#window += bytes;
    this.#continue();
  }

  /** Learns that the host sends nothing more, so that a window that is used up stays so. */
  endInput() {
    this.#inputEnded = true;
    this.#continue();
  }

  /** Sends bytes that end the body. */
  async sendLast(bytes) {
    await this.#send(bytes, true);
  }

  /** Sends all pieces of an async iterable (a Readable is one): strings or bytes. */
  async sendAll(source) {
    this.#source = source;
    try {
      this.#iterator = source[Symbol.asyncIterator]();
      for (;;) {
        const { value, done } = await this.#iterator.next();
        if (this.#over) return;
        if (done) break;
        const sent = this.#send(bytesOf(value), false);
        // A promise costs a turn of the microtask queue, so there is none while window and pipe are open.
        if (sent !== true && !(await sent)) return;
      }
    } catch (error) {
      if (!this.#over) this.#exchange.raise(error);
      this.stop();
      return;
    }
    this.#output.append(TYPE.DATA, END, this.#exchange.stream, null);
    this.#exchange.close();
  }

  /** Sends nothing more, and tells the source so without waiting for it: it may hang for good. */
  stop() {
    if (this.#over) return;
    this.#over = true;
    this.#continue();
    if (this.#source === null) return;
    if (typeof this.#source.destroy === 'function') this.#source.destroy();
    Promise.resolve(this.#iterator?.return?.()).catch(() => {}); // nobody is left to tell
  }

  /** Sends bytes in frames. Returns whether all were sent, as a promise when it must wait for window or pipe. */
  #send(bytes, last) {
    let at = 0;
    do {
      if (this.#over) return false;
      const length = Math.min(bytes.length - at, this.#output.maxPiece, this.#window);
      if (this.#output.blocked || (length === 0 && bytes.length > 0)) return this.#sendLater(bytes.subarray(at), last);
      const end = at + length;
      const flags = last && end === bytes.length ? END : 0;
      if (length > 0 || flags === END) this.#output.append(TYPE.DATA, flags, this.#exchange.stream, bytes.subarray(at, end));
      this.#window -= length;
      at = end;
      if (flags === END) {
        // At once, and not when it has left: the host may read it before that, and nothing may follow it on the stream.
        this.#over = true;
        this.#exchange.close();
        return true;
      }
    } while (at < bytes.length);
    // Whoever made the piece may use its memory for the next one, so it must have left.
    return this.#output.blocked ? this.#left() : true;
  }

  /** Resolves to true when all that was appended has left the process. */
  #left() {
    return new Promise((resolve) => this.#output.drain(() => resolve(true)));
  }

  async #sendLater(bytes, last) {
    if (this.#window === 0 && this.#inputEnded) {
      this.#exchange.abandon('the host closed stdin before it had allowed the rest of the response');
      return false;
    }
    await new Promise((resolve) => {
      this.#wake = resolve;
      if (this.#output.blocked) this.#output.drain(() => this.#continue());
    });
    return this.#send(bytes, last);
  }

  #continue() {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}

function bytesOf(piece) {
  if (typeof piece === 'string') return Buffer.from(piece);
  if (piece instanceof Uint8Array) return piece;
  throw new TypeError(`a piece of a body must be a string or bytes, not ${piece === null ? 'null' : typeof piece}`);
}

module.exports = { Download };
