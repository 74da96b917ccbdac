'use strict';

// Forms whose names have brackets, as Node's frameworks read them: `b[c]=3` is {b: {c: '3'}}, `a=1&a=2` and `a[]=1&a[]=2`
// are {a: ['1', '2']}, `a[1]=y&a[0]=x` is {a: ['x', 'y']}.

/** How deep names may go. */
const MAX_DEPTH = 32;

/** Numbers from here on are names, not places in a list; so are those beyond the number of pairs, if that is larger. */
const MIN_PLACES = 100;

/** Splits `a[b][c]` into its segments. What has no whole brackets is one name. */
function segmentsOf(name) {
  const match = /^([^[]*)((?:\[[^[\]]*\])+)/.exec(name);
  if (match === null) return [name];
  const inner = match[2].slice(1, -1).split('][');
  if (inner.length > MAX_DEPTH) throw new RangeError(`the body is nested deeper than ${MAX_DEPTH}`);
  return match[1] === '' ? inner : [match[1], ...inner];
}

/** Some names and their values: a list, an object, or not yet known. */
class Node {
  #values = new Map();
  #places = 0; // the first place of a list that is free

  /** Adds a value under a name, or at the end when the name is empty. Under a name that has one the two make a list. */
  add(name, value) {
    const key = name === '' ? String(this.#places) : name;
    if (/^\d+$/.test(key)) this.#places = Math.max(this.#places, Number(key) + 1);
    const before = this.#values.get(key);
    if (before instanceof Node) before.add('', value);
    else this.#values.set(key, before === undefined ? value : [before, value].flat());
  }

  /** Returns the node under a name, which is made if need be. */
  child(name) {
    const before = this.#values.get(name);
    if (name !== '' && before instanceof Node) return before;
    const node = new Node();
    if (name !== '' && before !== undefined) {
      node.add('', before);
      this.#values.set(name, node);
    } else {
      this.add(name, node);
    }
    return node;
  }

  /** Returns what it stands for: a list when all names are places in one. */
  value(places) {
    const keys = [...this.#values.keys()];
    if (keys.every((key) => String(Number(key)) === key && Number(key) < places && /^\d+$/.test(key))) {
      return keys.sort((a, b) => a - b).map((key) => this.#valueOf(key, places));
    }
    return this.object(places);
  }

  /** Returns an object, whatever the names. */
  object(places) {
    const object = {};
    for (const key of this.#values.keys()) object[key] = this.#valueOf(key, places);
    return object;
  }

  #valueOf(key, places) {
    const value = this.#values.get(key);
    return value instanceof Node ? value.value(places) : value;
  }
}

/**
 * Makes an object of the pairs of a form: `name=value`, with `decode` for the escapes. Names that are nested too deep are
 * a RangeError.
 */
function parseNested(pairs, decode) {
  const values = new Map(); // whole name to a value or a list of values
  for (const pair of pairs) {
    const clean = pair.replace(/%5B/gi, '[').replace(/%5D/gi, ']');
    const bracket = clean.indexOf(']=');
    const equals = bracket < 0 ? clean.indexOf('=') : bracket + 1;
    const name = decode(equals < 0 ? clean : clean.slice(0, equals));
    const value = equals < 0 ? '' : decode(clean.slice(equals + 1));
    if (name !== '') values.set(name, values.has(name) ? [values.get(name), value].flat() : value);
  }
  const root = new Node();
  for (const [name, value] of values) {
    const segments = segmentsOf(name);
    if (segments.includes('__proto__')) continue;
    const last = segments.pop();
    const node = segments.reduce((parent, segment) => parent.child(segment), root);
    if (last === '' && Array.isArray(value)) for (const one of value) node.add('', one);
    else node.add(last, value);
  }
  return root.object(Math.max(MIN_PLACES, pairs.length));
}

module.exports = { parseNested };
