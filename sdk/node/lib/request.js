'use strict';

const { BadRequest, quiet } = require('./errors.js');
const { Headers } = require('./headers.js');

/** What a handler is called with. */
class Request {
  /** The verb, as received. */
  method;
  /** Path and query, as received and not decoded. */
  target;
  #exchange;
  #head;
  #headers = null;
  #query = null;
  #end; // of the time for it, on the clock of performance.now(); 0 when there is no limit

  constructor(exchange, head) {
    this.method = head.method;
    this.target = head.target;
    this.#exchange = exchange;
    this.#head = head;
    this.#end = head.timeoutMs === 0 ? 0 : performance.now() + head.timeoutMs;
  }

  /** The path of the target, not decoded. */
  get path() {
    const mark = this.target.indexOf('?');
    return mark < 0 ? this.target : this.target.substring(0, mark);
  }

  /** The query of the target as URLSearchParams, empty when there is none. The raw text is in `target`. */
  get query() {
    if (this.#query === null) {
      const mark = this.target.indexOf('?');
      this.#query = new URLSearchParams(mark < 0 ? '' : this.target.substring(mark + 1));
    }
    return this.#query;
  }

  /** The headers. */
  get headers() {
    this.#headers ??= new Headers(this.#head.text, this.#head.headersAt);
    return this.#headers;
  }

  /** The id that the request has in every log, or undefined. */
  get callId() {
    return this.headers.get('x-call-id');
  }

  /** The milliseconds that are left for the request, never below 0, or undefined when there is no limit. */
  get deadline() {
    return this.#end === 0 ? undefined : Math.max(0, this.#end - performance.now());
  }

  /** Whether it is time to come to an end: the deadline has passed, the client has gone, the host stops or has closed the pipe. */
  get cancelled() {
    return this.#exchange.cancelled;
  }

  /** An AbortSignal that tells so. */
  get signal() {
    return this.#exchange.signal;
  }

  /** Returns a promise of the whole body as a Buffer. It may be called again. */
  body() {
    return this.#exchange.upload.all(() => Number(this.headers.get('content-length')));
  }

  /** Returns a promise of the whole body as text (UTF-8). */
  text() {
    return quiet(this.body().then(textOf));
  }

  /** Returns a promise of the whole body as the value of its JSON text. Anything else is a BadRequest. */
  json() {
    return quiet(this.body().then(jsonOf));
  }

  /** The body piece by piece: an async iterable of Buffers. Only reading makes the host send more. */
  get stream() {
    return this.#exchange.upload;
  }

  /** Logs a text with the level `debug`, `info`, `warn` or `error`. */
  log(level, text) {
    this.#exchange.log(level, text);
  }
}

function textOf(bytes) {
  return bytes.toString();
}

function jsonOf(bytes) {
  try {
    return JSON.parse(bytes.toString());
  } catch (error) {
    throw new BadRequest(`the body is not JSON: ${error.message}`, { cause: error });
  }
}

module.exports = { Request };
