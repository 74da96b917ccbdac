'use strict';

// Plays the host over real pipes: starts a worker, sends it frames, and looks at what comes back.

const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { execFileSync, spawn } = require('node:child_process');
const { EventEmitter } = require('node:events');
const { after, before } = require('node:test');
const { END, FROM, HEADER, MAX_PAYLOAD, checkHeader } = require('../lib/header.js');
const { decode, encode } = require('../lib/frame.js');

const CONFORMANCE = path.join(__dirname, '..', 'conformance.js');
const DEADLINE_MS = 20000;
const SHARED_PAYLOAD = 4084;
const WINDOW = 262144;
const INLINE = 60000; // bytes of a request's body that go with its head

/** Makes a real pipe, not the socket pair that child_process would make. Each end has an open file of its own. */
function makePipe() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'fwatchdog-'));
  const file = path.join(folder, 'pipe');
  execFileSync('mkfifo', [file]);
  const both = fs.openSync(file, 'r+'); // lets the two opens below succeed at once
  const pipe = { read: fs.openSync(file, 'r'), write: fs.openSync(file, 'w') };
  fs.closeSync(both);
  fs.rmSync(folder, { recursive: true });
  return pipe;
}

class Host extends EventEmitter {
  /** Every frame that has come, decoded, in order. */
  frames = [];
  /** What stood between frames. */
  stray = '';
  /** What the worker wrote to its stdout, when that is not the protocol's, and to stderr. */
  stdout = '';
  stderr = '';
  /** Whether WINDOW is granted for all that comes. */
  grants = true;
  #bytes = Buffer.alloc(0);
  #limit;
  #input;
  #output;
  #exited = null;
  #ended = false;

  constructor({ fd = 3, program = [CONFORMANCE], env = {}, nodeOptions = [] }) {
    super();
    this.#limit = fd === 1 ? SHARED_PAYLOAD : MAX_PAYLOAD;
    const toWorker = makePipe();
    const fromWorker = makePipe();
    const stdio = [toWorker.read, fd === 1 ? fromWorker.write : 'pipe', 'pipe'];
    if (fd === 3) stdio.push(fromWorker.write);
    this.child = spawn(process.execPath, [...nodeOptions, ...program], {
      stdio,
      env: { ...process.env, FWATCHDOG_WORKER: '1', FWATCHDOG_OUT_FD: fd === 3 ? '3' : '', ...env },
    });
    fs.closeSync(toWorker.read);
    fs.closeSync(fromWorker.write);
    this.child.on('close', (code, signal) => this.#note(() => { this.#exited = { code, signal }; }));
    this.child.stderr.on('data', (text) => this.#note(() => { this.stderr += text; }));
    this.child.stdout?.on('data', (text) => this.#note(() => { this.stdout += text; }));
    this.#input = new net.Socket({ fd: toWorker.write, readable: false, writable: true });
    this.#input.on('error', () => {}); // the worker may be gone, which is seen elsewhere
    this.#output = new net.Socket({ fd: fromWorker.read, readable: true, writable: false });
    this.#output.on('data', (bytes) => this.#receive(bytes));
    this.#output.on('end', () => this.#note(() => { this.#ended = true; }));
  }

  /** Waits for the end of the process: `{code, signal}`. */
  get exit() {
    return this.until(() => this.#exited, 'exit');
  }

  /** Waits for the end of what the worker wrote. */
  get ended() {
    return this.until(() => this.#ended, 'end of the pipe');
  }

  #note(change) {
    change();
    this.emit('change');
  }

  #receive(bytes) {
    let rest = Buffer.concat([this.#bytes, bytes]);
    while (rest.length > 0) {
      if (rest[0] !== 0xfb) {
        const next = rest.indexOf(0xfb);
        const length = next < 0 ? rest.length : next;
        this.stray += rest.toString('utf8', 0, length);
        rest = rest.subarray(length);
        continue;
      }
      if (rest.length < HEADER) break;
      const end = HEADER + checkHeader(rest, 0, FROM.WORKER, this.#limit);
      if (rest.length < end) break;
      const frame = { ...decode(rest[2], rest.subarray(HEADER, end)), end: (rest[3] & END) !== 0, stream: rest.readUInt32BE(4) };
      this.frames.push(frame);
      if (this.grants && frame.type === 'DATA' && frame.body.length > 0 && !frame.end) {
        this.send({ type: 'WINDOW', stream: frame.stream, bytes: frame.body.length });
      }
      rest = rest.subarray(end);
    }
    this.#bytes = Buffer.from(rest);
    this.emit('change');
  }

  /** Stops or continues reading what the worker writes. */
  pause() {
    this.#output.pause();
  }

  resume() {
    this.#output.resume();
  }

  /** Closes the pipe that the worker writes to, as a host that has died does. */
  abandon() {
    this.#output.destroy();
  }

  write(bytes) {
    this.#input.write(bytes);
  }

  send(frame) {
    this.write(encode(frame));
  }

  /** Closes the worker's stdin. */
  close() {
    this.#input.end();
  }

  hello(pairs = [['max_frame', '65536'], ['window', String(WINDOW)], ['slot', '0'], ['generation', '1'], ['features', 'window exclusive ping-busy']]) {
    this.send({ type: 'HELLO', min: 1, max: 1, pairs });
  }

  /** Sends a request. Without a body, or with one that is given, it is complete. */
  request(stream, target, { method = 'GET', headers = [], body = '', timeoutMs = 0, end = true } = {}) {
    const bytes = Buffer.from(body);
    const inline = bytes.subarray(0, INLINE);
    const rest = bytes.subarray(INLINE); // less than a window of it
    const whole = rest.length === 0;
    this.send({ type: 'REQ', stream, end: whole && end, method, target, headers: [['host', 'localhost'], ...headers], timeoutMs, body: inline });
    for (let at = 0; at < rest.length; at += MAX_PAYLOAD) {
      this.data(stream, rest.subarray(at, at + MAX_PAYLOAD), end && at + MAX_PAYLOAD >= rest.length);
    }
  }

  data(stream, body, end = false) {
    this.send({ type: 'DATA', stream, end, body });
  }

  /** Waits until `look()` returns something. What has not come by the deadline fails the test. */
  async until(look, what) {
    const deadline = Date.now() + DEADLINE_MS;
    for (;;) {
      const found = look();
      if (found) return found;
      await new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          const last = this.frames.slice(-5).map((f) => `${f.type} ${f.stream}`);
          reject(new Error(`no ${what}, but ${last}; stderr: ${this.stderr}`));
        }, deadline - Date.now());
        this.once('change', () => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** Waits for a frame. */
  frame(type, stream = 0) {
    return this.until(() => this.frames.find((f) => f.type === type && f.stream === stream), `${type} on stream ${stream}`);
  }

  /** Returns the frames that ended a stream: one, in a worker that is right. */
  terminals(stream) {
    return this.frames.filter((f) => f.stream === stream && (f.type === 'ERROR' || ((f.type === 'RESP' || f.type === 'DATA') && f.end)));
  }

  /** Returns the body that a stream has sent so far. */
  body(stream) {
    return Buffer.concat(this.frames.filter((f) => f.stream === stream && (f.type === 'RESP' || f.type === 'DATA')).map((f) => f.body));
  }

  /** Waits for the end of a stream: `{status, headers, body}`, and `error` when it ended with one. */
  async response(stream) {
    const terminal = await this.until(() => this.terminals(stream)[0], `end of stream ${stream}`);
    const head = this.frames.find((f) => f.type === 'RESP' && f.stream === stream);
    const headers = head && Object.fromEntries(head.headers);
    return { status: head?.status, headers, list: head?.headers, body: this.body(stream), error: terminal.type === 'ERROR' ? terminal : undefined };
  }

  /** Asks for something and waits for the response. */
  async ask(stream, target, options) {
    this.request(stream, target, options);
    return this.response(stream);
  }

  /** Asks the worker to go and waits for its end. */
  async leave() {
    this.send({ type: 'GOAWAY', reason: 'the test is over' });
    this.close();
    return this.exit;
  }
}

/** Starts a worker and, unless `greet` is false, shakes hands with it. It is killed when the test ends. */
async function start(t, { greet = true, ...options } = {}) {
  const host = new Host(options);
  t.after(() => {
    host.child.kill('SIGKILL');
    host.close();
    host.resume();
  });
  if (greet) {
    host.hello();
    await host.frame('READY');
  }
  return host;
}

/** Starts one worker for all tests of a suite. Returns a function that asks it, and one that returns its host. */
function startForSuite(options) {
  let host;
  let stream = 0;
  const stops = [];
  before(async () => {
    host = await start({ after: (stop) => stops.push(stop) }, options);
  });
  after(() => stops.forEach((stop) => stop()));
  const ask = async (target, request) => {
    const { status, headers, body, error } = await host.ask(++stream, target, request);
    return { status, headers, body: body.toString(), error };
  };
  return { ask, host: () => host };
}

/** Returns the arguments for Node to serve a handler for OpenFaaS templates: the text of an expression. */
function openfaasProgram(handler) {
  return ['-e', `const { serve, openfaas } = require('./index.js'); serve(openfaas(${handler}));`];
}

module.exports = { makePipe, start, startForSuite, openfaasProgram, WINDOW, SHARED_PAYLOAD, CONFORMANCE };
