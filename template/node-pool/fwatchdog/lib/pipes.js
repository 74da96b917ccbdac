'use strict';

const fs = require('node:fs');
const net = require('node:net');

/**
 * Keeps user code away from the protocol's pipes. It runs when the SDK is loaded, before any user code that is loaded
 * after it, and only in a process that fwatchdog has started as a worker.
 */

/** The descriptor that the worker's frames go to, or 0 when this process is no worker. */
const outputFd = takeOver();

/** The descriptor that the host's frames come from. */
const inputFd = outputFd === 0 ? 0 : takeInput();

function takeOver() {
  const { FWATCHDOG_WORKER: worker, FWATCHDOG_OUT_FD: fd } = process.env;
  if (worker !== '1') return 0;
  // A program that the function starts is no worker, even when it uses this SDK.
  delete process.env.FWATCHDOG_WORKER;
  // A container runtime may signal every process at once; it is the host that tells a worker to go.
  process.on('SIGTERM', () => {});
  process.on('SIGINT', () => {});
  if (fd === '3') return 3;
  printToStderr();
  return 1;
}

/**
 * Node cannot point fd 1 elsewhere, so what prints in JavaScript is sent to stderr. `process.stdout` itself is never
 * touched: opening it would make the pipe non-blocking. What native code and subprocesses print on fd 1 stays stray text.
 */
function printToStderr() {
  const stderr = { configurable: true, enumerable: true, get: () => process.stderr };
  Object.defineProperty(process, 'stdout', stderr);
  Object.defineProperty(console, '_stdout', stderr); // in case that somebody has printed before
}

/**
 * Moves the host's pipe from fd 0 to a descriptor of our own, and /dev/null in its place, so that neither user code nor
 * a subprocess that inherits stdin can eat frames. Where that cannot be done (it takes /proc, and a pipe that this user
 * may open), `process.stdin` at least is empty.
 */
function takeInput() {
  let own;
  try {
    own = fs.openSync('/proc/self/fd/0', fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  } catch {
    const { Readable } = require('node:stream');
    Object.defineProperty(process, 'stdin', { configurable: true, enumerable: true, value: Readable.from([]) });
    return 0;
  }
  fs.closeSync(0);
  fs.openSync('/dev/null', 'r'); // becomes the lowest free number, 0
  return own;
}

/**
 * Reads the host's pipe: `onBytes(chunk, length)` for what comes, whose chunk is used anew afterwards, and `onEnd()` at
 * its end.
 */
function readInput(onBytes, onEnd) {
  openInput(onBytes)
    .on('end', onEnd)
    .on('error', onEnd) // a pipe that cannot be read is as good as closed
    .resume();
}

function openInput(onBytes) {
  const buffer = Buffer.allocUnsafeSlow(262144); // what a pipe holds through which large bodies go
  const callback = (length) => {
    onBytes(buffer, length);
    return true;
  };
  try {
    // One buffer for all reads: measured at two thirds of the cost of a stream that allocates one for each.
    return new net.Socket({ fd: inputFd, readable: true, writable: false, onread: { buffer, callback } });
  } catch (error) {
    if (error.code !== 'ERR_INVALID_FD_TYPE') throw error;
    // stdin is a file or /dev/null
    return fs.createReadStream(null, { fd: inputFd }).on('data', (chunk) => onBytes(chunk, chunk.length));
  }
}

module.exports = { outputFd, readInput };
