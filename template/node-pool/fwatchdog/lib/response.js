'use strict';

const { encodeResponseHead, encodeString } = require('./frame.js');

const TEXT = 'text/plain; charset=utf-8';
const BYTES = 'application/octet-stream';
const JSON_TYPE = 'application/json';

/** A body of so many characters, or bytes, fits one frame on every pipe. The host is told the length of a larger one. */
const SMALL = 1024;

// The heads of most responses, encoded once.
const EMPTY_HEAD = encodeResponseHead(200, 0, '');
const TEXT_HEAD = headOfType(TEXT);
const BYTES_HEAD = headOfType(BYTES);
const JSON_HEAD = headOfType(JSON_TYPE);

function headOfType(type) {
  return encodeResponseHead(200, 1, encodeString('content-type') + encodeString(type));
}

/** Answers an exchange with what a handler returned. */
function respond(exchange, value) {
  if (typeof value === 'string') sendWhole(exchange, TEXT_HEAD, TEXT, value);
  else if (value === undefined || value === null) exchange.sendWhole(EMPTY_HEAD, null);
  else if (isResponse(value)) respondWithHead(exchange, value);
  else if (value instanceof Uint8Array) sendWhole(exchange, BYTES_HEAD, BYTES, value);
  else if (isStream(value)) exchange.sendPieces(BYTES_HEAD, value);
  else sendWhole(exchange, JSON_HEAD, JSON_TYPE, jsonOf(value));
}

/** Sends a body that is there as a whole, with the head that was encoded for its type if that will do. */
function sendWhole(exchange, head, type, body) {
  if (body.length <= SMALL) exchange.sendWhole(head, body);
  else respondWithHead(exchange, { headers: { 'content-type': type }, body });
}

/**
 * An object is a response, and not JSON to be sent, when it has a status (a number) or a body, and no keys other than
 * status, headers and body.
 */
function isResponse(value) {
  if (typeof value !== 'object' || (typeof value.status !== 'number' && value.body === undefined)) return false;
  for (const key in value) if (key !== 'status' && key !== 'headers' && key !== 'body') return false;
  return true;
}

function isStream(value) {
  return typeof value === 'object' && typeof value[Symbol.asyncIterator] === 'function';
}

function jsonOf(value) {
  const text = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`a ${typeof value} is no response`);
  return text;
}

function respondWithHead(exchange, { status = 200, headers, body }) {
  if (!Number.isInteger(status) || status < 200 || status > 999) throw new RangeError(`status ${status} is not in 200 to 999`);
  const list = new HeaderList();
  if (headers !== undefined) list.addAll(headers);
  if (body === undefined || body === null) {
    exchange.sendWhole(list.head(status, exchange), null);
    return;
  }
  let type = BYTES;
  const whole = !isStream(body);
  if (typeof body === 'string') {
    type = TEXT;
  } else if (whole && !(body instanceof Uint8Array)) {
    type = JSON_TYPE;
    body = jsonOf(body);
  }
  if (!list.hasType) list.add('content-type', type);
  if (whole && body.length > SMALL && !list.hasLength) {
    if (typeof body === 'string') body = Buffer.from(body);
    list.add('content-length', body.length);
  }
  const head = list.head(status, exchange);
  if (whole) exchange.sendWhole(head, body);
  else exchange.sendPieces(head, body);
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const NOT_A_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

/** Names that have been checked and encoded. Functions send few different ones; the limit is for those that do not. */
const names = new Map();
const MAX_NAMES = 256;

function encodeName(name) {
  const known = names.get(name);
  if (known !== undefined) return known;
  if (!TOKEN.test(name)) throw new TypeError(`${JSON.stringify(name)} is not a header name`);
  const encoded = encodeString(name.toLowerCase());
  if (names.size < MAX_NAMES) names.set(name, encoded);
  return encoded;
}

const CONTENT_TYPE = encodeString('content-type');
const CONTENT_LENGTH = encodeString('content-length');

/** Headers that are being encoded. */
class HeaderList {
  /** Whether somebody has decided about the Content-Type. */
  hasType = false;
  /** The same of the Content-Length. */
  hasLength = false;
  #count = 0;
  #strings = '';

  /** Adds those of an object (a value may be an array), or of anything that iterates over pairs. */
  addAll(headers) {
    if (typeof headers[Symbol.iterator] === 'function') {
      for (const [name, value] of headers) this.#addEach(name, value);
    } else {
      for (const name of Object.keys(headers)) this.#addEach(name, headers[name]);
    }
  }

  #addEach(name, value) {
    if (!Array.isArray(value)) this.add(name, value);
    else for (const one of value) this.add(name, one);
  }

  /**
   * Adds a header, unless it has no value. It is checked: a line break in one would let its sender write headers, or a
   * body, of his own.
   */
  add(name, value) {
    const encoded = encodeName(name);
    if (encoded === CONTENT_TYPE) this.hasType = true;
    else if (encoded === CONTENT_LENGTH) this.hasLength = true;
    if (value === undefined || value === null) return;
    const text = String(value);
    if (NOT_A_VALUE.test(text)) throw new TypeError(`the value of header ${name} has characters that a header cannot hold`);
    this.#strings += encoded + encodeString(text);
    this.#count++;
  }

  /** Encodes the head of a response. */
  head(status, exchange) {
    return encodeResponseHead(status, this.#count, this.#strings, exchange.maxHead);
  }
}

module.exports = { respond };
