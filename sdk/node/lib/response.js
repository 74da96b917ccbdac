'use strict';

const { encodeResponseHead } = require('./frame.js');

const TEXT = 'text/plain; charset=utf-8';
const BYTES = 'application/octet-stream';
const JSON_TYPE = 'application/json';

// The heads of most responses, encoded once.
const EMPTY_HEAD = encodeResponseHead(200, []);
const TEXT_HEAD = encodeResponseHead(200, [['content-type', TEXT]]);
const BYTES_HEAD = encodeResponseHead(200, [['content-type', BYTES]]);
const JSON_HEAD = encodeResponseHead(200, [['content-type', JSON_TYPE]]);

/** Answers an exchange with what a handler returned. */
function respond(exchange, value) {
  if (typeof value === 'string') exchange.sendWhole(TEXT_HEAD, value);
  else if (value === undefined || value === null) exchange.sendWhole(EMPTY_HEAD, null);
  else if (isResponse(value)) respondWithHead(exchange, value);
  else if (value instanceof Uint8Array) exchange.sendWhole(BYTES_HEAD, value);
  else if (isStream(value)) exchange.sendPieces(BYTES_HEAD, value);
  else exchange.sendWhole(JSON_HEAD, jsonOf(value));
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
  const list = headers === undefined ? [] : headerList(headers);
  if (body === undefined || body === null) {
    exchange.sendWhole(encodeResponseHead(status, list, exchange.maxHead), null);
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
  if (!list.some((pair) => pair[0] === 'content-type')) list.push(['content-type', type]);
  const head = encodeResponseHead(status, list, exchange.maxHead);
  if (whole) exchange.sendWhole(head, body);
  else exchange.sendPieces(head, body);
}

/** Makes a list of `[name, value]` of an object (a value may be an array), or of anything that iterates over pairs. */
function headerList(headers) {
  const list = [];
  const pairs = typeof headers[Symbol.iterator] === 'function' ? headers : Object.entries(headers);
  for (const [name, value] of pairs) {
    if (!Array.isArray(value)) list.push(header(name, value));
    else for (const one of value) list.push(header(name, one));
  }
  return list;
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const NOT_A_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

/** Checks a header: a line break in one would let its sender write headers, or a body, of his own. */
function header(name, value) {
  if (value === undefined || value === null) throw new TypeError(`header ${name} has no value`);
  const text = String(value);
  if (!TOKEN.test(name)) throw new TypeError(`${JSON.stringify(name)} is not a header name`);
  if (NOT_A_VALUE.test(text)) throw new TypeError(`the value of header ${name} has characters that a header cannot hold`);
  return [name.toLowerCase(), text];
}

module.exports = { respond };
