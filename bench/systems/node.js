'use strict';

// Bare node:http: what a Node function reaches without anything before it.
require('node:http').createServer((request, response) => {
  if (request.method === 'GET') {
    response.end('hello');
    return;
  }
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => response.end(Buffer.concat(pieces)));
}).listen(Number(process.env.PORT), '127.0.0.1');
