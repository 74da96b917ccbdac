'use strict';

const { inspect } = require('node:util');

/** Thrown by a handler, or by `request.json()`, for a request that makes no sense: the client gets 400. */
class BadRequest extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = 'BadRequest';
  }
}

const REASONS = { 1: 'the deadline has passed', 2: 'the client has gone', 3: 'the host stops' };

/** Ends what waits for a request that is over: the reason of its AbortSignal, and how reads of its body fail. */
class Cancelled extends Error {
  constructor(message) {
    super(message);
    this.name = 'AbortError'; // what Node's own functions throw when their signal aborts
    this.code = 'ABORT_ERR';
  }

  /** The error for a CANCEL frame's reason. */
  static by(reason) {
    return new Cancelled(`cancelled: ${REASONS[reason] ?? `reason ${reason}`}`);
  }
}

/** The reason of an AbortSignal at the end of stdin: the host asks for nothing more, but takes what is still answered. */
class InputEnded extends Cancelled {
  constructor() {
    super('the host closed stdin');
  }
}

/** Describes what was thrown: the first line is the message, the rest the stack. */
function describe(thrown) {
  if (!(thrown instanceof Error)) return String(thrown);
  return `${thrown.message || thrown.name}\n${inspect(thrown)}`;
}

/** Returns a promise that may fail although nobody waits for it any more: that would end the process. */
function quiet(promise) {
  promise.catch(() => {});
  return promise;
}

module.exports = { BadRequest, Cancelled, InputEnded, describe, quiet };
