'use strict';

// How many small requests one worker answers, and what each costs it in CPU time. Run: node bench/echo.js [seconds]
//
// The host below is as plain as can be, but it is JavaScript too and shares the machine: the CPU time of the worker is
// the figure to compare, "alone" is what one core could do with it.

const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { END, HEADER, TYPE } = require('../lib/header.js');
const { encode } = require('../lib/frame.js');
const { makePipe } = require('../test/host.js');

const SECONDS = Number(process.argv[2] ?? 2);
const WARM_UP = 50000; // requests
const SDK = path.join(__dirname, '..');

const handlers = {
  'text, at once': `() => 'hello'`,
  'text, async': `async () => 'hello'`,
  'status, headers, body': `async () => ({ status: 201, headers: { 'content-type': 'text/html', 'x-a': 'b' }, body: 'hello' })`,
  'path and a header': `async (request) => request.path + request.headers.get('accept')`,
  'echo of the body': `(request) => request.body()`,
  'JSON in, JSON out': `async (request) => ({ ...(await request.json()), done: true })`,
};

const hello = encode({ type: 'HELLO', min: 1, max: 1, pairs: [['window', '262144'], ['features', 'window exclusive']] });
const request = encode({
  type: 'REQ', stream: 1, end: true, timeoutMs: 0, method: 'POST', target: '/hello?name=x',
  headers: [['host', '127.0.0.1:8080'], ['user-agent', 'bench/1'], ['accept', '*/*'], ['x-call-id', '0123456789abcdef']],
  body: Buffer.from('{"hello":"world"}'),
});

/** The CPU time that a process has used, in microseconds. */
function cpuTime(pid) {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10000;
}

/** Calls `onFrame(type, flags)` for every frame that a descriptor delivers, and `onChunk()` behind each chunk. */
function readFrames(fd, onFrame, onChunk) {
  let kept = Buffer.alloc(0);
  new net.Socket({ fd, readable: true, writable: false }).on('data', (chunk) => {
    let rest = kept.length > 0 ? Buffer.concat([kept, chunk]) : chunk;
    let at = 0;
    while (rest.length - at >= HEADER && rest.length - at >= HEADER + rest.readUInt32BE(at + 8)) {
      onFrame(rest[at + 2], rest[at + 3]);
      at += HEADER + rest.readUInt32BE(at + 8);
    }
    kept = rest.subarray(at);
    onChunk();
  });
}

async function measure(handler, fd, outstanding) {
  const [input, output] = [makePipe(), makePipe()];
  const stdio = [input.read, fd === 1 ? output.write : 'ignore', 'inherit'];
  if (fd === 3) stdio.push(output.write);
  const program = `require(${JSON.stringify(SDK)}).serve(${handler});`;
  const worker = spawn(process.execPath, ['-e', program], {
    stdio, env: { ...process.env, FWATCHDOG_WORKER: '1', FWATCHDOG_OUT_FD: String(fd) },
  });
  fs.closeSync(input.read);
  fs.closeSync(output.write);
  const toWorker = new net.Socket({ fd: input.write, readable: false, writable: true });
  toWorker.write(hello);

  let stream = 0;
  let answered = 0;
  let wanted = 0; // requests to send with the next write
  let begun; // when the warm-up was over
  const done = new Promise((resolve) => {
    readFrames(output.read, (type, flags) => {
      if (type === TYPE.READY) wanted = outstanding;
      else if (type === TYPE.RESP && flags === END) wanted++, answered++;
      else if (type >= TYPE.REQ) throw new Error(`unexpected frame of type ${type}`);
    }, () => {
      if (begun === undefined && answered >= WARM_UP) begun = { answered, time: performance.now(), cpu: cpuTime(worker.pid) };
      if (begun !== undefined && performance.now() - begun.time > SECONDS * 1000) return resolve();
      const batch = Buffer.allocUnsafe(request.length * wanted);
      for (let at = 0; at < batch.length; at += request.length) {
        request.copy(batch, at);
        batch.writeUInt32BE(++stream, at + 4);
      }
      wanted = 0;
      toWorker.write(batch);
    });
  });
  await done;
  const count = answered - begun.answered;
  const perSecond = count / (performance.now() - begun.time) * 1000;
  const cpu = (cpuTime(worker.pid) - begun.cpu) / count;
  toWorker.end();
  await once(worker, 'exit');
  return { perSecond, cpu };
}

async function main() {
  console.log('handler                  fd  outstanding  requests/s  CPU us/request  alone/s');
  for (const [name, handler] of Object.entries(handlers)) {
    for (const fd of [1, 3]) {
      for (const outstanding of [1, 32]) {
        const { perSecond, cpu } = await measure(handler, fd, outstanding);
        const figures = [fd, outstanding, perSecond.toFixed(0), cpu.toFixed(2), (1e6 / cpu).toFixed(0)];
        console.log(name.padEnd(23), ...figures.map((text, i) => String(text).padStart([3, 12, 11, 15, 8][i])));
      }
    }
  }
}

main();
