'use strict';

const { pairsAt } = require('./frame.js');

/** The headers of a request, in the order received. Names are in lower case; look-up ignores case. */
class Headers {
  #text;
  #at;
  #pairs = null;

  /** `text` holds the encoded pairs from `at` on; they are taken apart when somebody looks. */
  constructor(text, at) {
    this.#text = text;
    this.#at = at;
  }

  #list() {
    this.#pairs ??= pairsAt(this.#text, this.#at);
    return this.#pairs;
  }

  /** Returns the first value of a header, or undefined. */
  get(name) {
    const key = name.toLowerCase();
    for (const pair of this.#list()) if (pair[0] === key) return pair[1];
    return undefined;
  }

  /** Returns all values of a header. */
  getAll(name) {
    const key = name.toLowerCase();
    return this.#list().filter((pair) => pair[0] === key).map((pair) => pair[1]);
  }

  /** Returns whether there is such a header. */
  has(name) {
    return this.get(name) !== undefined;
  }

  /** Visits `[name, value]` of every header; a repeated one is visited as often as it was sent. */
  *[Symbol.iterator]() {
    for (const [name, value] of this.#list()) yield [name, value];
  }
}

module.exports = { Headers };
