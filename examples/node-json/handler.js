'use strict';

const { BadRequest } = require('fwatchdog');

/** Adds numbers: `{"numbers": [1, 2]}` is answered with `{"sum": 3, "count": 2}`. */
module.exports = async function handle(request) {
  const { numbers } = (await request.json()) ?? {};
  if (!Array.isArray(numbers) || !numbers.every(Number.isFinite)) throw new BadRequest('"numbers" must be a list of numbers');
  return { sum: numbers.reduce((sum, number) => sum + number, 0), count: numbers.length };
};
