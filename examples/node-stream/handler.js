'use strict';

const { setTimeout: sleep } = require('node:timers/promises');

/** Yields an event every `ms` milliseconds until `count` are out or the client has gone. */
async function* ticks(count, ms, signal) {
  for (let id = 1; id <= count; id++) {
    yield `id: ${id}\ndata: ${JSON.stringify({ time: new Date().toISOString() })}\n\n`;
    if (id < count) await sleep(ms, undefined, { signal });
  }
}

/** Streams server-sent events: `?count=5&ms=1000`. */
module.exports = function handle(request) {
  const count = Number(request.query.get('count') ?? 5);
  const ms = Number(request.query.get('ms') ?? 1000);
  return {
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
    body: ticks(count, ms, request.signal),
  };
};
