'use strict';

const { test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { start } = require('./host.js');

const root = path.join(__dirname, '..');

test('import and require give the same', async () => {
  const required = require('fwatchdog');
  const imported = await import('fwatchdog');
  assert.deepEqual(Object.keys(imported).sort(), Object.keys(required).sort());
  for (const name of Object.keys(required)) assert.equal(imported[name], required[name]);
});

test('every exported name is in the types and in the README', () => {
  const types = fs.readFileSync(path.join(root, 'index.d.ts'), 'utf8');
  const readme = fs.readFileSync(path.join(root, 'README.md'), 'utf8');
  for (const name of Object.keys(require('fwatchdog'))) {
    assert.match(types, new RegExp(`^export (function|class) ${name}\\b`, 'm'));
    assert.ok(readme.includes(name), name);
  }
});

test('nothing is needed at run time', () => {
  const { dependencies, engines } = require('../package.json');
  assert.equal(dependencies, undefined);
  assert.equal(engines.node, '>=18');
});

test('loading it in a process that is no worker changes nothing', () => {
  const stdout = process.stdout;
  const before = process.listenerCount('SIGTERM');
  require('fwatchdog');
  assert.equal(process.stdout, stdout);
  assert.equal(process.listenerCount('SIGTERM'), before);
});

test('an ES module may serve', async (t) => {
  const host = await start(t, { program: ['--input-type=module', '-e', `
    import { serve } from 'fwatchdog';
    const greeting = await Promise.resolve('hello');
    serve(async () => greeting);
  `] });
  assert.equal((await host.ask(1, '/')).body.toString(), 'hello');
});

test('a process serves once, and needs a handler', async (t) => {
  const host = await start(t, { program: ['-e', `
    const { serve } = require('fwatchdog');
    const messages = [];
    for (const handler of [undefined, () => messages, () => {}]) {
      try { serve(handler); } catch (error) { messages.push(error.message); }
    }
  `] });
  assert.deepEqual(JSON.parse((await host.ask(1, '/')).body), [
    'serve needs a handler: a function that takes a request', 'this process serves already',
  ]);
});
