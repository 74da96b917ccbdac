'use strict';

const { HEADER, MAX_PAYLOAD, checkMagic, checkHeader } = require('./header.js');

/**
 * Cuts a pipe into frames. Chunks come as the pipe gave them: one may hold many frames, or a part of one.
 *
 * `onFrame(type, flags, stream, bytes, start, end)` is called for every frame, in order; the payload stands in `bytes`
 * from `start` to `end` and is valid until it returns. A FrameError is thrown for what cannot be a frame.
 */
class FrameReader {
  #from;
  #limit;
  #onFrame;
  // The beginning of a frame whose end has not come. It holds one frame of the largest size, so no length from the pipe
  // ever sizes an allocation.
  #kept;
  #keptLength = 0;

  constructor(from, limit, onFrame) {
    this.#from = from;
    this.#limit = limit;
    this.#onFrame = onFrame;
  }

  /** Takes the first `length` bytes of a chunk, which the caller may reuse afterwards. */
  push(chunk, length) {
    let at = this.#keptLength > 0 ? this.#complete(chunk, length) : 0;
    while (length - at >= HEADER) {
      const end = at + HEADER + checkHeader(chunk, at, this.#from, this.#limit);
      if (end > length) break;
      this.#deliver(chunk, at, end);
      at = end;
    }
    if (at < length) this.#keep(chunk, at, length);
  }

  /** Completes the frame that was kept, if the chunk holds its end. Returns how much of the chunk that took. */
  #complete(chunk, length) {
    let at = 0;
    if (this.#keptLength < HEADER) {
      at = this.#keep(chunk, 0, Math.min(length, HEADER - this.#keptLength));
      if (this.#keptLength < HEADER) return at;
    }
    const size = HEADER + checkHeader(this.#kept, 0, this.#from, this.#limit);
    at = this.#keep(chunk, at, Math.min(length, at + size - this.#keptLength));
    if (this.#keptLength === size) {
      this.#keptLength = 0;
      this.#deliver(this.#kept, 0, size);
    }
    return at;
  }

  #keep(chunk, start, end) {
    this.#kept ??= Buffer.allocUnsafeSlow(HEADER + MAX_PAYLOAD);
    this.#kept.set(chunk.subarray(start, end), this.#keptLength);
    this.#keptLength += end - start;
    // Two bytes tell text from a frame: no need to wait for a whole header.
    checkMagic(this.#kept[0], this.#keptLength > 1 ? this.#kept[1] : undefined);
    return end;
  }

  #deliver(bytes, at, end) {
    this.#onFrame(bytes[at + 2], bytes[at + 3], bytes.readUInt32BE(at + 4), bytes, at + HEADER, end);
  }
}

module.exports = { FrameReader };
