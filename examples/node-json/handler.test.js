'use strict';

const { test } = require('node:test');
const assert = require('node:assert/strict');
const handle = require('./handler.js');

const request = (value) => ({ json: async () => value });

test('numbers are added', async () => {
  assert.deepEqual(await handle(request({ numbers: [1, 2, 3.5] })), { sum: 6.5, count: 3 });
  assert.deepEqual(await handle(request({ numbers: [] })), { sum: 0, count: 0 });
});

test('what is no list of numbers is a bad request', async () => {
  for (const value of [null, {}, { numbers: 1 }, { numbers: ['1'] }]) {
    await assert.rejects(handle(request(value)), { name: 'BadRequest' });
  }
});
