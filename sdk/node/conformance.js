'use strict';

// The conformance function: what sdk/CONFORMANCE.md asks of every SDK, written with this one's own API.

const fs = require('node:fs');
const { once } = require('node:events');
const { spawn } = require('node:child_process');
const { setTimeout: sleep } = require('node:timers/promises');
const { serve } = require('./index.js');

const PERIOD = 251;
const pattern = Buffer.from(Array.from({ length: 65536 + PERIOD }, (_, i) => i % PERIOD));

/** Returns the bytes of the endless row 0, 1 … 250, 0, 1 … from `at` on. */
function patternBytes(at, length) {
  const bytes = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; done += 65536) {
    const start = (at + done) % PERIOD;
    pattern.copy(bytes, done, start, start + Math.min(65536, length - done));
  }
  return bytes;
}

async function* patternPieces(total, size) {
  for (let at = 0; at < total; at += size) yield patternBytes(at, Math.min(size, total - at));
}

async function* events(count, ms) {
  for (let i = 0; i < count; i++) {
    if (i > 0) await sleep(ms);
    yield `event ${i}\n`;
  }
}

async function sizeOf(request, ms) {
  let size = 0;
  if (ms > 0) await sleep(ms);
  for await (const piece of request.stream) {
    size += piece.length;
    if (ms > 0) await sleep(ms);
  }
  return String(size);
}

async function* throwLate() {
  yield 'start';
  throw new Error('boom');
}

const routes = {
  async '/echo'(request) {
    const body = await request.body();
    const headers = { 'x-method': request.method, 'x-target': request.target };
    const type = request.headers.get('content-type');
    if (type !== undefined) headers['content-type'] = type;
    return { headers, body };
  },
  '/stream-echo': (request) => request.stream,
  '/size': (request) => sizeOf(request, 0),
  '/slow-size': (request, number) => sizeOf(request, number('ms')),
  '/ignore': () => 'ignored',
  '/bytes': (request, number) => patternBytes(0, number('n')),
  '/stream': (request, number) => patternPieces(number('n'), number('piece')),
  '/events': (request, number) => events(number('n'), number('ms')),
  async '/sleep'(request, number) {
    await sleep(number('ms'));
    return 'slept';
  },
  async '/wait'(request) {
    if (!request.cancelled) await once(request.signal, 'abort');
    request.log('info', 'cancelled');
    return 'cancelled';
  },
  '/deadline': ({ deadline }) => (deadline === undefined ? 'none' : String(Math.floor(deadline))),
  '/headers'(request) {
    let text = '';
    for (const [name, value] of request.headers) text += `${name}: ${value}\n`;
    return Buffer.from(text, 'latin1');
  },
  '/cookies': () => ({ headers: { 'set-cookie': ['a=1', 'b=2'], 'x-empty': '' }, body: '' }),
  '/status': (request, number) => ({ status: number('code') }),
  '/head': (request, number) => ({ status: 200, headers: { 'x-big': 'a'.repeat(number('n')) } }),
  '/print'() {
    console.log('printed by the handler');
    return 'printed';
  },
  async '/print-subprocess'() {
    await once(spawn('echo', ['printed by a subprocess'], { stdio: 'inherit' }), 'close');
    return 'printed';
  },
  '/print-raw'() {
    fs.writeSync(1, 'printed raw\n');
    return 'printed';
  },
  '/throw'() {
    throw new Error('boom');
  },
  '/throw-long'(request, number) {
    throw new Error(`boom\n${'é'.repeat(number('n'))}`);
  },
  '/throw-late': () => throwLate(),
  '/exit': (request, number) => process.exit(number('code')),
  '/log'(request) {
    const text = request.query.get('text');
    for (const level of ['debug', 'info', 'warn', 'error']) request.log(level, text);
    return 'logged';
  },
  '/log-long'(request, number) {
    request.log('info', 'x'.repeat(number('n')));
    return 'logged';
  },
};

function handle(request) {
  const route = routes[request.path];
  if (route === undefined) return { status: 404, body: 'no such route' };
  return route(request, (name) => Number(request.query.get(name)));
}

function init() {
  if (process.env.CONFORMANCE_INIT_ERROR) throw new Error('no database');
}

if (process.env.CONFORMANCE_NOISE) console.log('printed at import');
serve(handle, { init });
