'use strict';

const { pipeline } = require('node:stream/promises');
const { parseNested } = require('./nested.js');

/** A request whose body cannot be had: the status that answers it, and why. */
class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const DEFAULT_LIMIT = '100kb';
const UNITS = { '': 1, b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 };

/** Reads a size such as `100kb`. */
function sizeOf(name, text) {
  const match = /^(\d+(?:\.\d+)?)\s*([kmg]?b)?$/i.exec(text);
  if (match === null) throw new Error(`${name} is ${text}, but must be a size such as ${DEFAULT_LIMIT}`);
  return Math.floor(match[1] * UNITS[(match[2] ?? '').toLowerCase()]);
}

/** The functions of node:zlib, which is loaded when a body is packed: few are. */
const UNPACKERS = { gzip: 'createGunzip', deflate: 'createInflate', br: 'createBrotliDecompress' };

/** Collects pieces. A body of more than `limit` bytes is refused without the rest of it. */
async function collect(source, limit) {
  const pieces = [];
  let length = 0;
  for await (const piece of source) {
    length += piece.length;
    if (length > limit) throw new Refusal(413, 'request entity too large');
    pieces.push(piece);
  }
  return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces, length);
}

async function unpack(request, coding, limit) {
  const unpacker = require('node:zlib')[UNPACKERS[coding]]();
  let bytes;
  try {
    await pipeline(request.stream, unpacker, async (source) => {
      bytes = await collect(source, limit);
    });
  } catch (error) {
    if (error instanceof Refusal || request.cancelled) throw error;
    throw new Refusal(400, `the body cannot be unpacked: ${error.message}`);
  }
  return bytes;
}

/** Returns the bytes of the body, unpacked, or undefined when the request has none. */
async function bytesOf(request, limit) {
  const coding = (request.headers.get('content-encoding') ?? 'identity').toLowerCase();
  const announced = request.headers.get('content-length');
  let bytes;
  if (coding === 'identity') {
    if (Number(announced) > limit) throw new Refusal(413, 'request entity too large');
    bytes = await collect(request.stream, limit);
    return bytes.length > 0 || announced !== undefined ? bytes : undefined;
  }
  if (!Object.hasOwn(UNPACKERS, coding)) throw new Refusal(415, `unsupported content encoding "${coding}"`);
  return announced === '0' ? Buffer.alloc(0) : unpack(request, coding, limit);
}

/** The charset that a Content-Type names, in lower case. */
function charsetOf(type) {
  return /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(type)?.[1].toLowerCase() ?? 'utf-8';
}

function decode(bytes, charset) {
  // In the encoding standard of the web, which TextDecoder follows, latin-1 is another name for windows-1252.
  if (charset === 'iso-8859-1' || charset === 'latin1') return bytes.toString('latin1');
  let decoder;
  try {
    decoder = new TextDecoder(charset);
  } catch {
    throw new Refusal(415, `unsupported charset "${charset.toUpperCase()}"`);
  }
  return decoder.decode(bytes);
}

function parseJSON(bytes, type) {
  const charset = charsetOf(type);
  if (!charset.startsWith('utf-')) throw new Refusal(415, `unsupported charset "${charset.toUpperCase()}"`);
  if (bytes.length === 0) return {};
  const text = decode(bytes, charset);
  if (!/^[\x20\t\n\r]*[{[]/.test(text)) throw new Refusal(400, 'the body must be a JSON object or array');
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Refusal(400, error.message);
  }
}

/** How many pairs a form may have. */
const MAX_PAIRS = 1000;

function parseForm(bytes, type) {
  const charset = charsetOf(type);
  const latin1 = charset === 'iso-8859-1';
  if (!latin1 && charset !== 'utf-8') throw new Refusal(415, `unsupported charset "${charset.toUpperCase()}"`);
  if (bytes.length === 0) return {};
  const pairs = decode(bytes, charset).split('&');
  if (pairs.length > MAX_PAIRS) throw new Refusal(413, 'too many parameters');
  try {
    return parseNested(pairs, latin1 ? unescapeLatin1 : unescapeUtf8);
  } catch (error) {
    throw new Refusal(400, error.message);
  }
}

function unescapeUtf8(text) {
  const spaced = text.replaceAll('+', ' ');
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced; // what is no escape is text
  }
}

function unescapeLatin1(text) {
  return text.replaceAll('+', ' ').replace(/%([0-9a-f]{2})/gi, (_, code) => String.fromCharCode(parseInt(code, 16)));
}

/** Returns a function that reads `event.body`: `(request) => promise`. A body that cannot be had is a Refusal. */
function bodyReader(env) {
  const jsonLimit = sizeOf('MAX_JSON_SIZE', env.MAX_JSON_SIZE || DEFAULT_LIMIT);
  const rawLimit = sizeOf('MAX_RAW_SIZE', env.MAX_RAW_SIZE || DEFAULT_LIMIT);
  const limit = sizeOf('the limit', DEFAULT_LIMIT);

  if (env.RAW_BODY === 'true') return (request) => bytesOf(request, rawLimit);

  return async (request) => {
    const type = request.headers.get('content-type') ?? 'text/plain';
    const essence = type.split(';', 1)[0].trim().toLowerCase();
    if (essence.startsWith('text/')) {
      const bytes = await bytesOf(request, limit);
      return bytes && decode(bytes, charsetOf(type));
    }
    if (essence === 'application/json') {
      const bytes = await bytesOf(request, jsonLimit);
      return bytes && parseJSON(bytes, type);
    }
    if (essence === 'application/x-www-form-urlencoded') {
      const bytes = await bytesOf(request, limit);
      return bytes && parseForm(bytes, type);
    }
    return undefined;
  };
}

module.exports = { bodyReader, Refusal };
