'use strict';

/** Returns where the longest start of `bytes` ends that has at most `limit` bytes and breaks no UTF-8 character. */
function cut(bytes, limit) {
  if (bytes.length <= limit) return bytes.length;
  let end = limit;
  while (end > 0 && (bytes[end] & 0xc0) === 0x80) end--;
  return end;
}

/** Returns the longest start of a text that fits `limit` bytes. */
function cutText(text, limit) {
  // A character takes at least a byte, so what stands behind `limit` of them need not be encoded.
  const bytes = Buffer.from(text.slice(0, limit));
  return bytes.toString('utf8', 0, cut(bytes, limit));
}

/** Splits a text into pieces that fit `limit` bytes each. An empty text is one piece. */
function splitText(text, limit) {
  const bytes = Buffer.from(text);
  const pieces = [];
  let at = 0;
  do {
    const end = at + cut(bytes.subarray(at), limit);
    pieces.push(bytes.toString('utf8', at, end));
    at = end;
  } while (at < bytes.length);
  return pieces;
}

module.exports = { cutText, splitText };
