'use strict';

const querystring = require('node:querystring');
const { bodyReader, Refusal } = require('./openfaas-body.js');
const { toResponse, toErrorResponse } = require('./openfaas-response.js');
const { classic } = require('./classic.js');
const { nodeHeaders } = require('./node-headers.js');

/** The signatures that a handler may have, by the value of handler_style. */
const STYLES = {
  openfaas: eventStyle,
  classic,
  native: (handler) => handler,
};

/**
 * Makes a handler for `serve` of a function that was written for an OpenFaaS template. `style` is `openfaas`: (event,
 * context, callback); `classic`: (context, callback); or `native`: a handler for `serve` already.
 */
function openfaas(handler, style = process.env.handler_style || 'openfaas') {
  if (!Object.hasOwn(STYLES, style)) throw new Error(`handler_style is ${style}, but must be ${Object.keys(STYLES).join(', ')}`);
  if (typeof handler !== 'function') throw new TypeError(`the handler must be a function, not ${handler === null ? 'null' : typeof handler}`);
  return STYLES[style](handler);
}

/** What the function learns of the request. */
class FunctionEvent {
  constructor(request, body) {
    this.body = body;
    this.headers = nodeHeaders(request.headers);
    this.headers['content-type'] ??= 'text/plain';
    this.method = request.method;
    this.path = request.path;
    const { target, path } = request;
    this.query = querystring.parse(target.slice(path.length + 1));
  }
}

/** What the function answers with, if not with what it returns. The first answer counts. */
class FunctionContext {
  #request;
  #answer;
  #answered = false;
  #status = 200;
  #headers = {};

  constructor(request, answer) {
    this.#request = request;
    this.#answer = answer;
  }

  /** Reads the status code, or sets it and returns the context. */
  status(code) {
    if (!code) return this.#status;
    this.#status = code;
    return this;
  }

  /** Reads the header object, or replaces it and returns the context. */
  headers(object) {
    if (!object) return this.#headers;
    this.#headers = object;
    return this;
  }

  /** Answers with a value. */
  succeed(value) {
    if (this.#first()) this.#answer(() => toResponse(this.#request, this.#status, this.#headers, value));
  }

  /** Answers with an error. The headers that were set before are not sent. */
  fail(error) {
    if (!this.#first()) return;
    if (this.#status === 200) this.#status = 500;
    console.error(error);
    this.#answer(() => toErrorResponse(this.#request, this.#status, error));
  }

  /** Answers with what the handler came to, unless it has answered already. */
  settle(value) {
    if (!this.#answered) this.succeed(value);
  }

  /** The same with what it has thrown, which is never lost. */
  raise(error) {
    if (this.#answered) console.error(error);
    else this.fail(error);
  }

  #first() {
    if (this.#answered) {
      this.#request.log('warn', 'the function answered a second time, which is ignored');
      return false;
    }
    this.#answered = true;
    return true;
  }
}

/** The signature (event, context, callback). */
function eventStyle(handler) {
  const readBody = bodyReader(process.env);
  return async (request) => {
    let body;
    try {
      body = await readBody(request);
    } catch (error) {
      if (error instanceof Refusal) return { status: error.status, body: error.message };
      throw error;
    }
    const answer = await call(handler, request, new FunctionEvent(request, body));
    return answer();
  };
}

/** Calls the function and returns a promise of its answer, as a function: what that throws is the answer's fault. */
function call(handler, request, event) {
  return new Promise((resolve) => {
    const context = new FunctionContext(request, resolve);
    const callback = (error, value) => (error ? context.fail(error) : context.succeed(value));
    try {
      Promise.resolve(handler(event, context, callback)).then((value) => context.settle(value), (error) => context.raise(error));
    } catch (error) {
      context.raise(error);
    }
  });
}

module.exports = { openfaas };
