'use strict';

// The other styles that a function may have, and how one is chosen.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { openfaas } = require('../index.js');
const { openfaasProgram: program, start, startForSuite } = require('./host.js');

describe('the classic style', () => {
  const { ask, host } = startForSuite({
    env: { handler_style: 'classic' },
    program: program(`(context, callback) => {
      const results = {
        'object': () => Promise.resolve({ a: context }),
        'array': () => Promise.resolve([1]),
        'string': () => Promise.resolve('é'),
        'bytes': () => Promise.resolve(Buffer.from('b')),
        'nothing': () => Promise.resolve(),
        'empty': () => Promise.resolve(''),
        'number': () => Promise.resolve(7),
        'reject': () => Promise.reject(new Error('boom')),
        'throw': () => { throw new Error('boom'); },
        'callback': () => callback(undefined, { called: 'back' }),
        'callback later': () => { setTimeout(callback, 5, null, 'late'); },
        'callback error': () => callback('no luck'),
        'callback and promise': () => { callback(null, 'first'); return Promise.resolve('second'); },
        'returned': () => { setTimeout(callback, 5, null, 'called back'); return 'returned'; },
      };
      return results[context]();
    }`),
  });

  const rows = {
    'object': [200, '{"a":"object"}\n'], 'array': [200, '[1]\n'], 'string': [200, 'é'], 'bytes': [200, 'b'],
    'nothing': [200, ''], 'empty': [200, ''], 'number': [500, 'TypeError: a number cannot be sent'],
    'reject': [500, 'Error: boom'], 'throw': [500, 'Error: boom'], 'callback': [200, '{"called":"back"}\n'],
    'callback later': [200, 'late'], 'callback error': [500, 'no luck'], 'callback and promise': [200, 'first'],
    'returned': [200, 'called back'],
  };

  for (const [context, [status, body]] of Object.entries(rows)) {
    test(`${context}: ${status} ${JSON.stringify(body)}, and the host finds the type`, async () => {
      const response = await ask('/', { method: 'POST', headers: [['content-type', 'a/b']], body: context });
      assert.deepEqual([response.status, response.headers, response.body], [status, {}, body]);
    });
  }

  test('shows the stack of an error on stderr', async () => {
    await host().until(() => /Error: boom\n +at /.test(host().stderr), 'stack');
  });

  test('a function that takes no callback is not waited for', async (t) => {
    const other = await start(t, { env: { handler_style: 'classic' }, program: program('(context) => { context.length; }') });
    assert.equal((await other.ask(1, '/')).status, 200);
  });
});

describe('handler_style', () => {
  test('native leaves the handler as it is', async (t) => {
    const host = await start(t, { env: { handler_style: 'native' }, program: program('(request) => request.path') });
    const { headers, body } = await host.ask(1, '/a');
    assert.deepEqual([headers['content-type'], body.toString()], ['text/plain; charset=utf-8', '/a']);
  });

  test('of another name stops the start and names those that there are', () => {
    assert.throws(() => openfaas(() => {}, 'modern'), /handler_style is modern, but must be openfaas, classic, native/);
    assert.throws(() => openfaas(() => {}, 'toString'), /handler_style is toString/);
  });

  test('needs a function', () => {
    assert.throws(() => openfaas({}), /the handler must be a function, not object/);
    assert.throws(() => openfaas(null), /not null/);
  });
});
