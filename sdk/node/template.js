'use strict';

// The SDK as the OpenFaaS template carries it. Run `node template.js` after every change here; a test compares.

const fs = require('node:fs');
const path = require('node:path');

/** The copy in the template. */
const COPY = path.join(__dirname, '..', '..', 'template', 'node-pool', 'fwatchdog');

/** Returns the files below a folder, by their path in it. */
function filesIn(folder) {
  const names = fs.readdirSync(folder, { recursive: true }).filter((name) => fs.statSync(path.join(folder, name)).isFile());
  return new Map(names.sort().map((name) => [name, fs.readFileSync(path.join(folder, name), 'utf8')]));
}

/** Returns the files that belong into the copy: what npm would publish. */
function shipped() {
  const { scripts, devDependencies, ...description } = require('./package.json');
  const files = new Map([['package.json', `${JSON.stringify(description, null, 2)}\n`]]);
  for (const name of ['README.md', ...description.files]) {
    const full = path.join(__dirname, name);
    if (fs.statSync(full).isDirectory()) for (const [inner, text] of filesIn(full)) files.set(path.join(name, inner), text);
    else files.set(name, fs.readFileSync(full, 'utf8'));
  }
  return files;
}

if (require.main === module) {
  fs.rmSync(COPY, { recursive: true, force: true });
  for (const [name, text] of shipped()) {
    fs.mkdirSync(path.dirname(path.join(COPY, name)), { recursive: true });
    fs.writeFileSync(path.join(COPY, name), text);
  }
}

module.exports = { COPY, filesIn, shipped };
