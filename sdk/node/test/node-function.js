'use strict';

// An application of Node's HTTP server as somebody may have written it. The path says what it does.

const { once } = require('node:events');
const { pipeline, Readable } = require('node:stream');

const routes = {
  '/hello': (req, res) => res.end('hello'),
  '/head': (req, res) => {
    res.setHeader('X-A', 'b');
    res.writeHead(201, 'Made', { 'Set-Cookie': ['a=1', 'b=2'], 'Content-Type': 'text/x' });
    res.end('é');
  },
  '/request': (req, res) => {
    const { method, url, headers, rawHeaders, httpVersion } = req;
    res.end(JSON.stringify({ method, url, headers, rawHeaders, httpVersion, from: req.socket.remoteAddress }));
  },
  '/echo': (req, res) => pipeline(req, res, () => {}),
  '/events': (req, res) => {
    const pieces = [];
    req.on('data', (piece) => pieces.push(piece));
    req.on('end', () => res.end(`${req.complete} ${Buffer.concat(pieces).length}`));
  },
  '/ignore': (req, res) => res.end('ignored'),
  '/nothing': (req, res) => res.end(),
  '/status': (req, res) => res.writeHead(Number(req.url.split('?')[1])).end('body'),
  '/pieces': async (req, res) => {
    for (let i = 0; i < 3; i++) {
      res.write(`piece ${i}\n`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    res.end('end');
  },
  '/flushed': async (req, res) => {
    res.flushHeaders();
    await once(req, 'end'); // of a body that comes when the head has been seen
    res.end('done');
  },
  '/large': (req, res) => pipeline(Readable.from(bytes(3000000)), res, () => {}),
  '/large-whole': (req, res) => res.end(Buffer.alloc(1000000, 'a')),
  '/chunked': (req, res) => {
    res.setHeader('Transfer-Encoding', 'chunked'); // copied from an upstream
    res.write('a');
    res.end('b');
  },
  '/throw': () => { throw new Error('boom'); },
  '/reject': async () => { throw new Error('boom'); },
  '/throw-late': async (req, res) => {
    res.write('start');
    await new Promise((resolve) => setTimeout(resolve, 5));
    throw new Error('boom');
  },
  '/throw-after': async (req, res) => {
    res.end('done');
    await once(res, 'close');
    throw new Error('afterwards');
  },
  '/destroy': (req, res) => res.destroy(),
  '/events-of-the-end': (req, res) => {
    res.on('finish', () => console.error('finish', res.writableFinished));
    res.on('close', () => console.error('close'));
    res.end('done');
  },
  '/wait': (req, res) => {
    if (req.headers.begin) res.write('begun');
    console.error('called');
    req.on('close', () => console.error('request closed'));
    res.on('close', () => console.error('response closed', res.writableFinished));
  },
};

function* bytes(length) {
  for (let at = 0; at < length; at += 50000) yield Buffer.alloc(50000, 'a');
}

module.exports = (req, res) => routes[req.url.split('?')[0]](req, res);
