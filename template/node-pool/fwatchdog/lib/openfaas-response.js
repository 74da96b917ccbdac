'use strict';

// What becomes of the values that a function for the OpenFaaS templates answers with: the rules of Express 5, which runs
// the official ones.

const { createHash } = require('node:crypto');

/** Puts the charset that strings are sent in into a Content-Type. */
function inUtf8(type) {
  return `${type.replace(/\s*;\s*charset\s*=\s*("[^"]*"|[^\s;]*)/i, '')}; charset=utf-8`;
}

function weakTag(bytes) {
  return `W/"${bytes.length.toString(16)}-${createHash('sha1').update(bytes).digest('base64').slice(0, 27)}"`;
}

/** Whether the client has the response already. */
function isFresh(request, status, tag) {
  if (request.method !== 'GET' && request.method !== 'HEAD') return false;
  if ((status < 200 || status > 299) && status !== 304) return false;
  const wanted = request.headers.get('if-none-match');
  if (wanted === undefined || /(?:^|,)\s*no-cache\s*(?:,|$)/.test(request.headers.get('cache-control') ?? '')) return false;
  const bare = (text) => text.trim().replace(/^W\//, '');
  return wanted.trim() === '*' || wanted.split(',').some((one) => bare(one) === bare(tag));
}

/** Sends text or bytes, or nothing when `body` is undefined. `type` is the Content-Type unless the headers have one. */
function send(request, status, headers, body, type) {
  const own = {}; // of the headers, those that this function has a say in
  const out = {};
  for (const name of Object.keys(headers)) {
    const key = name.toLowerCase();
    (key === 'content-type' || key === 'content-length' || key === 'etag' ? own : out)[key] = headers[name];
  }
  let finalType = own['content-type'] === undefined ? type : String(own['content-type']);
  if (typeof body === 'string') {
    finalType = inUtf8(finalType);
    body = Buffer.from(body);
  }
  out.etag = own.etag;
  if (body !== undefined) {
    out.etag ??= weakTag(body);
    if (isFresh(request, status, String(out.etag))) status = 304;
  }
  if (status === 204 || status === 304) return { status, headers: out };
  out['content-type'] = finalType ?? null;
  if (status === 205) out['content-length'] = 0;
  // The host counts what it gets; of what it does not get it must be told.
  else if (request.method === 'HEAD') out['content-length'] = body?.length;
  else return { status, headers: out, body };
  return { status, headers: out };
}

const TEXT = 'text/html; charset=utf-8';
const BYTES = 'application/octet-stream';
const JSON_TYPE = 'application/json';

/** Makes the response of a value that the function answers with. */
function toResponse(request, status, headers, value) {
  if (value === undefined) return send(request, status, headers, undefined);
  if (value === null) return send(request, status, headers, Buffer.alloc(0));
  if (typeof value === 'string') return send(request, status, headers, value, TEXT);
  if (ArrayBuffer.isView(value)) return send(request, status, headers, Buffer.from(value), BYTES);
  if (value.constructor === Object || value.constructor === Array) {
    return send(request, status, headers, JSON.stringify(value), TEXT); // a string by the time that it is sent
  }
  if (!['boolean', 'number', 'object'].includes(typeof value)) throw new TypeError(`a ${typeof value} cannot be sent`);
  return send(request, status, headers, JSON.stringify(value), JSON_TYPE);
}

/** Makes the response of what the function has thrown or failed with. */
function toErrorResponse(request, status, error) {
  const text = typeof error?.toString === 'function' ? String(error.toString()) : '';
  return send(request, status, {}, text, TEXT);
}

module.exports = { toResponse, toErrorResponse };
