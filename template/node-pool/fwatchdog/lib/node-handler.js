'use strict';

const http = require('node:http');
const { Duplex, Readable } = require('node:stream');
const { InputEnded, quiet } = require('./errors.js');
const { MAX_PAYLOAD } = require('./header.js');

/**
 * What Node's HTTP server takes for a connection to a client. It reads one request from it, in the words of HTTP/1.1,
 * and writes the response: `onHead(status, headers)` is called once, and the body comes out of `body`.
 */
class Connection extends Duplex {
  remoteAddress = '127.0.0.1';
  remotePort = 0;
  /** The body of the response. */
  body = new Readable({
    highWaterMark: MAX_PAYLOAD,
    read: () => this.#goOn(),
    destroy: (error, done) => {
      this.destroy(); // the application learns of it as of a client that has gone
      done(error);
    },
  });
  #source;
  #onHead;
  #head = '';
  #waiting = null; // takes the next bytes of the response

  /** `source` is an iterator over the bytes of the request. */
  constructor(source, onHead) {
    super();
    this.#source = source;
    this.#onHead = onHead;
    this.body.on('error', () => {}); // who reads the body, if anybody does, gets it from there
  }

  _read() {
    this.#source.next().then(({ value, done }) => done || this.push(value), (error) => this.destroy(error));
  }

  _write(chunk, encoding, done) {
    const rest = this.#onHead === null ? chunk : this.#takeHead(chunk);
    if (rest.length === 0 || this.body.push(rest)) done();
    else this.#waiting = done;
  }

  _final(done) {
    this.body.push(null);
    done();
  }

  #goOn() {
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.();
  }

  /** Takes the head off the front and returns what follows it. */
  #takeHead(chunk) {
    this.#head += chunk.toString('latin1');
    let end = this.#head.indexOf('\r\n\r\n');
    while (end >= 0 && /^\S+ 1/.test(this.#head)) { // the protocol has no informational responses
      this.#head = this.#head.slice(end + 4);
      end = this.#head.indexOf('\r\n\r\n');
    }
    if (end < 0) return Buffer.alloc(0);
    const [line, ...lines] = this.#head.slice(0, end).split('\r\n');
    this.#onHead(Number(line.split(' ')[1]), lines.map((text) => text.split(/:\s*([^]*)/, 2)));
    this.#onHead = null;
    return Buffer.from(this.#head.slice(end + 4), 'latin1');
  }

  // A connection of the kernel has these.
  setTimeout() { return this; }
  setNoDelay() { return this; }
  setKeepAlive() { return this; }
  ref() { return this; }
  unref() { return this; }
}

/** Headers that concern the connection, which ends here. */
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding']);

/** Yields the bytes of a request as a client would send them. */
async function* bytesOf(request) {
  let head = `${request.method} ${request.target} HTTP/1.1\r\nconnection: close\r\n`;
  for (const [name, value] of request.headers) if (!HOP_BY_HOP.has(name)) head += `${name}: ${value}\r\n`;
  let piece = request.stream.read(); // null at once when there is no body
  quiet(Promise.resolve(piece)); // awaited below, unless the application ends the connection before that
  const chunked = piece !== null && !request.headers.has('content-length');
  if (chunked) head += 'transfer-encoding: chunked\r\n';
  yield Buffer.from(`${head}\r\n`, 'latin1');
  for (piece = await piece; piece !== null; piece = await request.stream.read()) {
    if (chunked) yield `${piece.length.toString(16)}\r\n`;
    yield piece;
    if (chunked) yield '\r\n';
  }
  if (chunked) yield '0\r\n\r\n';
}

/** Makes a server that listens to nothing: connections are handed to it. */
function makeServer(app) {
  // The largest head that a host can send passes; times are the host's to watch.
  const server = http.createServer({ maxHeaderSize: 2 * MAX_PAYLOAD, requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 0 });
  server.on('request', (req, res) => {
    res.sendDate = false; // the host's to say
    // Chunks are for a client's connection, whatever headers an application copies from an upstream of its own.
    Object.defineProperty(res, 'chunkedEncoding', { get: () => false, set() {} });
    const fail = (error) => req.socket.fail(error);
    try {
      Promise.resolve(app(req, res)).catch(fail);
    } catch (error) {
      fail(error);
    }
  });
  return server;
}

/** Takes what has been written of a body, which is all of it. */
function takeAll(body) {
  const pieces = [];
  for (let piece = body.read(); piece !== null; piece = body.read()) pieces.push(piece);
  return pieces.length === 0 ? null : Buffer.concat(pieces);
}

/**
 * Makes a handler for `serve` of a handler of Node's HTTP server, `(req, res)`; an Express application is one. It gets
 * its requests from a real server of `node:http`, which has no port.
 */
function fromNodeHandler(app) {
  const server = makeServer(app);
  return (request) => new Promise((resolve, reject) => {
    const connection = new Connection(bytesOf(request), (status, headers) => {
      const kept = headers.filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase()));
      kept.push(['content-type', null]); // none unless the application says so
      // A small response is over before the loop turns, and leaves as a whole.
      setImmediate(() => resolve({ status, headers: kept, body: connection.writableFinished ? takeAll(connection.body) : connection.body }));
    });
    let failure = null;
    connection.fail = (error) => {
      if (connection.writableFinished) console.error(error); // nobody is left to tell
      failure = error;
      connection.destroy();
    };
    connection.on('close', () => {
      if (connection.writableFinished) return;
      failure ??= new Error('the application closed the connection');
      connection.body.destroy(failure);
      reject(failure);
    });
    request.signal.addEventListener('abort', () => {
      if (!(request.signal.reason instanceof InputEnded)) connection.fail(request.signal.reason); // else it may finish
    });
    server.emit('connection', connection);
  });
}

module.exports = { fromNodeHandler };
