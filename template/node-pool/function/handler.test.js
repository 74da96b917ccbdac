'use strict';

const { test } = require('node:test');
const assert = require('node:assert/strict');
const handler = require('./handler');

test('the body and its type are answered', async () => {
  const answers = [];
  const context = { status: (code) => (answers.push(code), context), succeed: (value) => answers.push(value) };

  await handler({ body: { a: 1 }, headers: { 'content-type': 'application/json' } }, context);

  assert.deepEqual(answers, [200, { body: '{"a":1}', 'content-type': 'application/json' }]);
});
