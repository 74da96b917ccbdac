'use strict';

/**
 * Makes a handler for `serve` of a function of the classic Node template: (context, callback). `context` is the body as
 * text. The answer is the result of its promise, or what it calls back with; what it returns otherwise does not count.
 */
function classic(handler) {
  return async (request) => {
    const text = await request.text();
    return new Promise((resolve, reject) => {
      const callback = (error, value) => (error ? reject(error) : resolve(value));
      const result = handler(text, callback); // a throw rejects the promise
      if (typeof result?.then === 'function') result.then(resolve, reject);
      else if (handler.length < 2) resolve(); // it has no callback, so nothing else will come
    }).then(toResponse).catch(toErrorResponse);
  };
}

function toResponse(value) {
  if (!value) return { status: 200 };
  // What a program prints has no type: the host looks at it.
  if (typeof value === 'string' || value instanceof Uint8Array) return { headers: { 'content-type': null }, body: value };
  if (typeof value === 'object') return { headers: { 'content-type': null }, body: `${JSON.stringify(value)}\n` };
  throw new TypeError(`a ${typeof value} cannot be sent`);
}

function toErrorResponse(error) {
  console.error(error);
  return { status: 500, headers: { 'content-type': null }, body: String(error) };
}

module.exports = { classic };
