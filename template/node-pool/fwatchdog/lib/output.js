'use strict';

const fs = require('node:fs');
const net = require('node:net');
const { HEADER, MAX_PAYLOAD, SHARED_WRITE, writeHeader } = require('./header.js');

/**
 * Collects frames and writes them out together: all that is appended during one turn of the event loop leaves in one
 * write, when the turn's own code and the promises that it settled have run.
 */
class Output {
  /** The largest payload of a frame. A host may lower it. */
  maxPayload;
  /** Frames that wait to be written stand at the end of `bytes`, before `end`. */
  bytes;
  end = 0;
  #scheduled = false;
  #flushSoon = () => {
    this.#scheduled = false;
    this.flush();
  };

  constructor(size, maxPayload) {
    this.bytes = Buffer.allocUnsafeSlow(size);
    this.maxPayload = maxPayload;
  }

  /** The largest piece of a body that should be sent in one frame. */
  get maxPiece() {
    return this.maxPayload;
  }

  /** Appends a frame whose payload is a body, which may be null. */
  append(type, flags, stream, body) {
    this.appendWithHead(type, flags, stream, '', body);
  }

  /** Appends a frame whose payload is a head (a latin-1 string) and a body, which may be null. */
  appendWithHead(type, flags, stream, head, body) {
    const length = head.length + (body === null ? 0 : body.length);
    const at = this.#reserve(HEADER + length);
    writeHeader(this.bytes, at, type, flags, stream, length);
    if (head !== '') this.bytes.write(head, at + HEADER, 'latin1');
    if (body !== null) this.bytes.set(body, at + HEADER + head.length);
  }

  /** The same with a text as the body, which must fit even if every character of it takes 3 bytes. */
  appendWithText(type, flags, stream, head, text) {
    const at = this.#reserve(HEADER + head.length + 3 * text.length);
    const bodyAt = at + HEADER + head.length;
    this.bytes.write(head, at + HEADER, 'latin1');
    this.end = bodyAt + this.bytes.write(text, bodyAt);
    writeHeader(this.bytes, at, type, flags, stream, this.end - at - HEADER);
  }

  /** Appends a frame that has been encoded already. */
  appendFrame(frame) {
    const at = this.#reserve(frame.length);
    this.bytes.set(frame, at);
  }

  /** Appends the header alone of a frame. */
  appendHeader(type, flags, stream, length) {
    writeHeader(this.bytes, this.#reserve(HEADER), type, flags, stream, length);
  }

  /** Makes room for a frame and returns where it is to stand. */
  #reserve(size) {
    if (this.end + size > this.bytes.length) this.flush();
    if (!this.#scheduled) {
      this.#scheduled = true;
      process.nextTick(this.#flushSoon);
    }
    const at = this.end;
    this.end = at + size;
    return at;
  }
}

/**
 * fd 1, which user code may write to as well: every write is at most 4096 bytes of whole frames, so that the kernel
 * does not tear it, and goes round `process.stdout`, whose stream would join queued chunks into a larger one.
 */
class SharedOutput extends Output {
  /** Whether streams must wait before they append more. Writes to fd 1 block, so they never need to. */
  blocked = false;
  #fd;
  #onGone;

  /** `onGone(error)` is called when nobody reads the pipe any more. */
  constructor(fd, onGone) {
    super(SHARED_WRITE, SHARED_WRITE - HEADER);
    this.#fd = fd;
    this.#onGone = onGone;
  }

  /** Writes out what has been appended. */
  flush() {
    const { end } = this;
    this.end = 0;
    let at = 0;
    while (at < end) {
      try {
        at += fs.writeSync(this.#fd, this.bytes, at, end - at);
      } catch (error) {
        if (error.code !== 'EAGAIN') return this.#onGone(error);
        pause(); // some code made the pipe non-blocking, and it is full
      }
    }
  }

  /** Calls `done` when all that was appended has left the process. */
  drain(done) {
    this.flush();
    done();
  }

  /** Writes out what can be written, for the last moment of a process. */
  flushSync() {
    this.flush();
  }
}

/** Sleeps a millisecond without the event loop. */
function pause() {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
}

/** The largest frame. */
const LARGEST = HEADER + MAX_PAYLOAD;

/** A body of so many bytes, or more, is not copied: the kernel takes it from where it stands. */
const LARGE = 16 << 10;

/** A descriptor that only the SDK writes to: frames of any size, and no write ever blocks the event loop. */
class OwnOutput extends Output {
  #fd;
  #socket;
  #start = 0; // what stands before it has been handed to the socket
  #waiting = [];
  #onWritten = () => {
    if (this.blocked) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const done of waiting) done();
  };

  /** `onGone(error)` is called when nobody reads the pipe any more. */
  constructor(fd, onGone) {
    super(2 * LARGEST, MAX_PAYLOAD);
    this.#fd = fd;
    this.#socket = new net.Socket({ fd, readable: false, writable: true });
    this.#socket.on('error', onGone);
  }

  /** The largest piece of a body that should be sent in one frame: one that fills a pipe, which holds 64 KiB. */
  get maxPiece() {
    return Math.min(this.maxPayload, MAX_PAYLOAD - HEADER);
  }

  /** Appends a frame whose payload is a body, which may be null. A large one must not change while `blocked`. */
  append(type, flags, stream, body) {
    if (body === null || body.length < LARGE) {
      super.append(type, flags, stream, body);
      return;
    }
    this.appendHeader(type, flags, stream, body.length);
    this.#socket.cork();
    this.flush();
    this.#socket.write(body, this.#onWritten);
    this.#socket.uncork();
    if (!this.blocked) this.#start = this.end = 0;
  }

  /** Whether streams must wait (for `drain`) before they append more: the pipe has not taken all that was written. */
  get blocked() {
    return this.#socket.writableLength > 0;
  }

  /** Writes out what has been appended. */
  flush() {
    if (this.#start === this.end) return;
    this.#socket.write(this.bytes.subarray(this.#start, this.end), this.#onWritten);
    if (!this.blocked) {
      // The kernel has it all: the bytes can be used anew.
      this.#start = this.end = 0;
    } else {
      // The socket holds on to what it was given. The rest is still ours, if it is enough for a frame.
      if (this.bytes.length - this.end < LARGEST) {
        this.bytes = Buffer.allocUnsafeSlow(this.bytes.length);
        this.end = 0;
      }
      this.#start = this.end;
    }
  }

  /** Calls `done` when all that was appended has left the process. */
  drain(done) {
    this.flush();
    if (this.blocked) this.#waiting.push(done);
    else done();
  }

  /** Writes out what can be written, for the last moment of a process. */
  flushSync() {
    if (this.blocked) return; // what stands before it in the pipe is the socket's, and can no longer be written
    while (this.#start < this.end) {
      try {
        this.#start += fs.writeSync(this.#fd, this.bytes, this.#start, this.end - this.#start);
      } catch {
        return;
      }
    }
  }
}

module.exports = { SharedOutput, OwnOutput };
