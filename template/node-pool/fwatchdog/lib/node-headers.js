'use strict';

/** Headers that Node keeps the first of; a repeated one is dropped. */
const SINGLE = new Set([
  'age', 'authorization', 'content-length', 'content-type', 'etag', 'expires', 'from', 'host', 'if-modified-since',
  'if-unmodified-since', 'last-modified', 'location', 'max-forwards', 'proxy-authorization', 'referer', 'retry-after',
  'server', 'user-agent',
]);

/** Makes the object that Node's HTTP server would make of a request's headers. */
function nodeHeaders(headers) {
  const object = {};
  for (const [name, value] of headers) {
    const before = object[name];
    if (name === 'set-cookie') object[name] = [...(before ?? []), value];
    else if (before === undefined) object[name] = value;
    else if (!SINGLE.has(name)) object[name] = `${before}${name === 'cookie' ? '; ' : ', '}${value}`;
  }
  return object;
}

module.exports = { nodeHeaders };
