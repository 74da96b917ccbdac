'use strict';

const { test } = require('node:test');
const assert = require('node:assert/strict');
const handler = require('./handler');

test('the handler is a function', () => {
  assert.equal(typeof (handler.default ?? handler), 'function');
});
