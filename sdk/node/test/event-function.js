'use strict';

// A function as somebody may have written it for the template `node22`: (event, context, callback). The path says what it
// does, so that one worker shows all rows of the tables.

class Point {
  constructor(x) {
    this.x = x;
  }
}

const routes = {
  // What it is called with.
  '/event': (event) => ({ ...event, query: { ...event.query }, prototype: Object.getPrototypeOf(event.query) === null }),
  '/body': ({ body }) => ({ type: Buffer.isBuffer(body) ? 'buffer' : typeof body, body: Buffer.isBuffer(body) ? body.toString('latin1') : body }),

  // How it answers.
  '/callback': (event, context, callback) => callback(undefined, 'called back'),
  '/callback-async': async (event, context, callback) => callback(null, 'called back'),
  '/callback-late': (event, context, callback) => new Promise(() => setTimeout(callback, 5, null, 'called back')),
  '/callback-after-return': (event, context, callback) => { setTimeout(callback, 5, null, 'too late'); },
  '/callback-error': (event, context, callback) => callback(new Error('boom')),
  '/succeed': async (event, context) => context.status(201).headers({ 'X-A': 'b' }).succeed('succeeded'),
  '/succeed-and-return': async (event, context) => { context.succeed('first'); return 'second'; },
  '/succeed-twice': (event, context) => { context.succeed('first'); context.succeed('second'); },
  '/succeed-and-throw': async (event, context) => { context.succeed('first'); throw new Error('afterwards'); },
  '/fail': async (event, context) => context.headers({ 'X-A': 'b' }).fail('no luck'),
  '/fail-status': async (event, context) => context.status(409).fail(new Error('conflict')),
  '/fail-object': async (event, context) => context.fail({ a: 1 }),
  '/fail-nothing': async (event, context) => context.fail(),
  '/throw': () => { throw new Error('boom'); },
  '/throw-string': () => { throw 'boom'; },
  '/throw-object': async () => { throw { a: 1 }; },
  '/reject': async () => { throw new Error('boom'); },
  '/throw-status': async (event, context) => { context.status(404).headers({ 'X-A': 'b' }); throw new TypeError('not there'); },
  '/read-context': async (event, context) => {
    const before = [context.status(), context.headers()];
    context.headers({ 'X-A': 'gone' }).status(202).headers({ 'X-B': 'c' });
    return [...before, context.status(), context.headers()];
  },

  // What it answers with.
  '/object': async () => ({ a: 'é' }),
  '/array': async () => [1, 'a'],
  '/string': async () => 'é',
  '/empty': async () => '',
  '/buffer': async () => Buffer.from([0, 255]),
  '/typed-array': async () => new Uint8Array([104, 105]),
  '/true': async () => true,
  '/false': async () => false,
  '/number': async () => 201,
  '/zero': async () => 0,
  '/date': async () => new Date(0),
  '/instance': async () => new Point(1),
  '/without-prototype': async () => Object.assign(Object.create(null), { a: 1 }),
  '/null': async () => null,
  '/undefined': async () => undefined,
  '/sync-nothing': () => {},
  '/function': async () => () => {},
  '/bigint': async () => 1n,
  '/html-object': async (event, context) => { context.headers({ 'Content-Type': 'application/json' }); return { a: 1 }; },
  '/typed-string': async (event, context) => { context.headers({ 'content-type': 'text/plain' }); return 'é'; },
  '/typed-charset': async (event, context) => { context.headers({ 'Content-Type': 'text/plain; charset=latin1' }); return 'é'; },
  '/typed-buffer': async (event, context) => { context.headers({ 'Content-Type': 'image/png' }); return Buffer.from('b'); },
  '/typed-instance': async (event, context) => { context.headers({ 'Content-Type': 'application/problem+json' }); return new Point(1); },
  '/typed-null': async (event, context) => { context.headers({ 'Content-Type': 'text/plain' }); return null; },
  '/cookies': async (event, context) => { context.headers({ 'Set-Cookie': ['a=1', 'b=2'], 'X-Number': 7 }); return 'x'; },
  '/etag': async (event, context) => { context.headers({ ETag: '"mine"' }); return 'x'; },
  '/redirect': async (event, context) => context.status(302).headers({ Location: '/there' }).succeed(),
  '/large': async () => 'é'.repeat(100000),
};

module.exports = (event, context, callback) => {
  const status = /^\/status\/(.*)$/.exec(event.path);
  if (status !== null) return Promise.resolve(context.status(JSON.parse(status[1])).headers({ 'Content-Type': 'a/b', 'X-A': 'b' })).then(() => 'body');
  return routes[event.path](event, context, callback);
};

module.exports.routes = Object.keys(routes);
