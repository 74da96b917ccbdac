'use strict';

// The OpenFaaS template node-pool, without an image: what it carries, and what its entry does with functions.

const { test, describe } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { COPY, filesIn, shipped } = require('../template.js');
const { start } = require('./host.js');

const TEMPLATE = path.dirname(COPY);
const read = (name) => fs.readFileSync(path.join(TEMPLATE, name), 'utf8');

/** Starts the template's entry with the files of a function, as a build would put them over `function/`. */
async function startFunction(t, files, options) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'fwatchdog-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  fs.cpSync(TEMPLATE, folder, { recursive: true, filter: (name) => !name.includes('node_modules') });
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(folder, 'function', name), text);
  const host = await start(t, { program: [path.join(folder, 'index.js')], greet: false, ...options });
  host.hello();
  return host;
}

test('the template carries this SDK: `node template.js` copies it', () => {
  assert.deepEqual(filesIn(COPY), shipped());
});

describe('a function in the template', () => {
  test('runs as it was made', async (t) => {
    const host = await startFunction(t, {});
    await host.frame('READY');
    const body = '{"a":1}';
    const response = await host.ask(1, '/', { method: 'POST', headers: [['content-type', 'application/json'], ['content-length', '7']], body });
    assert.equal(response.status, 200);
    assert.deepEqual(JSON.parse(response.body), { body, 'content-type': 'application/json' });
  });

  test('passes the tests that it comes with', () => {
    // Inside a test run, a test runner is told to speak with it.
    const { NODE_TEST_CONTEXT, ...env } = process.env;
    const { status, stdout } = spawnSync(process.execPath, ['--test'], { cwd: path.join(TEMPLATE, 'function'), env, encoding: 'utf8' });
    assert.equal(status, 0, stdout);
    assert.match(stdout, /pass 1\b/);
  });

  test('may be of every style', async (t) => {
    const styles = {
      openfaas: 'module.exports = (event, context, callback) => callback(undefined, event.path);',
      classic: 'module.exports = async (context) => "/" + context;',
      native: 'module.exports = (request) => request.path;',
    };
    for (const [style, text] of Object.entries(styles)) {
      const host = await startFunction(t, { 'handler.js': text }, { env: { handler_style: style } });
      await host.frame('READY');
      assert.equal((await host.ask(1, '/path', { body: 'path' })).body.toString(), '/path', style);
    }
  });

  test('may be a compiled ES module', async (t) => {
    const host = await startFunction(t, { 'handler.js': 'exports.default = async () => "default";' });
    await host.frame('READY');
    assert.equal((await host.ask(1, '/')).body.toString(), 'default');
  });

  test('is loaded once, behind HELLO, and may print', async (t) => {
    const host = await startFunction(t, { 'handler.js': 'console.log("loaded"); module.exports = async () => { console.log("called"); };' }, { fd: 1 });
    await host.frame('READY');
    for (const stream of [1, 2]) assert.equal((await host.ask(stream, '/')).status, 200);
    assert.equal(host.stray, '');
    await host.until(() => host.stderr === 'loaded\ncalled\ncalled\n', 'prints on stderr');
  });

  test('that cannot be loaded, or is none, makes the start fail with the reason', async (t) => {
    const reasons = { 'throw new Error("no database");': /^no database\n/, 'module.exports = {};': /^the handler must be a function, not object\n/ };
    for (const [text, reason] of Object.entries(reasons)) {
      const host = await startFunction(t, { 'handler.js': text });
      const error = await host.frame('ERROR');
      assert.equal(error.code, 1);
      assert.match(error.text, reason);
      assert.deepEqual(await host.exit, { code: 1, signal: null });
    }
  });
});

describe('the image of the template', () => {
  const dockerfile = read('Dockerfile');
  const variable = (name) => new RegExp(`^ENV ${name}="(.*)"$`, 'm').exec(dockerfile)?.[1];

  test('starts what template.yml says', () => {
    const [, fprocess] = /^fprocess: (.*)$/m.exec(read('template.yml'));
    assert.equal(variable('fprocess'), fprocess);
    assert.equal(fprocess, 'node index.js');
    assert.equal(variable('worker_output'), 'fd3');
    assert.equal(variable('mode'), undefined);
    assert.match(dockerfile, /^CMD \["fwatchdog"\]$/m);
    assert.match(dockerfile, /^HEALTHCHECK --interval=3s CMD \[ -e \/tmp\/\.lock \] \|\| exit 1$/m);
  });

  test('takes the build arguments of the official ones', () => {
    for (const name of ['TARGETPLATFORM', 'BUILDPLATFORM', 'ADDITIONAL_PACKAGE', 'TEST_ENABLED', 'TEST_COMMAND', 'FWATCHDOG_IMAGE']) {
      assert.match(dockerfile, new RegExp(`^ARG ${name}\\b`, 'm'));
    }
    assert.match(dockerfile, /^FROM --platform=\$\{TARGETPLATFORM:-linux\/amd64\} \$\{FWATCHDOG_IMAGE\} AS watchdog$/m);
  });

  test('does not run as root, and copies the function last', () => {
    const order = ['COPY --from=watchdog /fwatchdog', 'USER app', 'package.json', 'index.js', 'function/*.json', 'function/ ./', 'CMD'];
    const places = order.map((text) => dockerfile.indexOf(text));
    assert.deepEqual(places, [...places].sort((a, b) => a - b));
    assert.ok(!places.includes(-1));
  });

  test('copies nothing that the template does not have', () => {
    for (const [, source] of dockerfile.matchAll(/^COPY --chown=app:app (\S+) /gm)) {
      const folder = source.includes('*') ? path.dirname(source) : source;
      assert.ok(fs.existsSync(path.join(TEMPLATE, folder)), source);
    }
  });
});
