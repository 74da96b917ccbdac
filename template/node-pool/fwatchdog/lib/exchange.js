'use strict';

const { CODE, END, TYPE } = require('./header.js');
const { encode } = require('./frame.js');
const { BadRequest, Cancelled, InputEnded, describe } = require('./errors.js');
const { cutText } = require('./text.js');
const { respond } = require('./response.js');
const { Download } = require('./download.js');
const { Upload } = require('./upload.js');

/**
 * One request and its response: one stream. It sends exactly one terminal frame, whatever the handler, the host and the
 * pipes do; `close` is the only door to the end.
 */
class Exchange {
  /** The stream's number. */
  stream;
  #worker;
  #inline; // the part of the body that came with the request, or null
  #complete; // whether that is all of it
  #window; // the bytes of DATA that may be sent when the response begins
  #upload = null;
  #download = null;
  #cancelled = null; // why the host no longer wants a response
  #controller = null;
  #over = false;

  constructor(worker, stream, inline, complete) {
    this.stream = stream;
    this.#worker = worker;
    this.#inline = inline;
    this.#complete = complete;
    this.#window = worker.window;
  }

  /** The request's body, made when somebody asks for it: most requests have none. */
  get upload() {
    if (this.#upload === null) {
      this.#upload = new Upload(this, this.#inline, this.#complete, this.#worker.window);
      if (this.#cancelled !== null) this.#upload.fail(this.#cancelled);
      else if (this.#worker.inputEnded) this.endInput();
    }
    return this.#upload;
  }

  /** Whether it is time for the handler to come to an end: the host has cancelled the request, or closed stdin. */
  get cancelled() {
    return this.#cancelled !== null || this.#worker.inputEnded;
  }

  /** The AbortSignal of that, made when somebody asks for it. */
  get signal() {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.cancelled) this.#controller.abort(this.#cancelled ?? new InputEnded());
    }
    return this.#controller.signal;
  }

  /** The most bytes that the head of a response can have: it must fit one frame. */
  get maxHead() {
    return this.#worker.output.maxPayload;
  }

  /** Logs a text, as the request's while it is open. */
  log(level, text) {
    this.#worker.log(level, text, this.#over ? 0 : this.stream);
  }

  /** Takes a DATA frame's bytes, as `Upload.push` does. */
  data(bytes, start, end, complete) {
    return this.upload.push(bytes, start, end, complete);
  }

  /** Takes a WINDOW. */
  allow(bytes) {
    if (this.#download === null) this.#window += bytes;
    else this.#download.grant(bytes);
  }

  /** Allows the host more bytes of the request's body. */
  grant(bytes) {
    if (!this.#over) this.#worker.output.appendFrame(encode({ type: 'WINDOW', stream: this.stream, bytes }));
  }

  /** Takes a CANCEL: a response that has begun is broken off, else the handler is told and has the last word. */
  cancel(reason) {
    if (this.#cancelled !== null) return;
    this.#cancelled = Cancelled.by(reason);
    this.#upload?.fail(this.#cancelled);
    this.#controller?.abort(this.#cancelled);
    if (this.#download !== null) this.#breakOff(this.#cancelled);
  }

  /** Learns that the host sends nothing more: an upload that lacks something will not be completed. The handler may finish. */
  endInput() {
    this.#controller?.abort(new InputEnded());
    if (!this.#complete && !this.upload.complete) this.upload.fail(new Cancelled('the host closed stdin before the body was complete'));
    this.#download?.endInput();
  }

  /** Answers with what the handler returned. */
  answer(value) {
    try {
      respond(this, value);
    } catch (error) {
      this.raise(error);
    }
  }

  /** Answers with a body that is there as a whole: a string, bytes, or null. */
  sendWhole(head, body) {
    const { output } = this.#worker;
    const room = output.maxPayload - head.length;
    if (typeof body === 'string') {
      if (3 * body.length <= room) {
        output.appendWithText(TYPE.RESP, END, this.stream, head, body);
        this.close();
        return;
      }
      body = Buffer.from(body);
    }
    if (body === null || body.length <= room) {
      output.appendWithHead(TYPE.RESP, END, this.stream, head, body);
      this.close();
      return;
    }
    output.appendWithHead(TYPE.RESP, 0, this.stream, head, body.subarray(0, room));
    this.#startDownload((download) => download.sendLast(body.subarray(room)));
  }

  /** Answers with a body that comes in pieces, from an async iterable. The head leaves at once. */
  sendPieces(head, source) {
    this.#worker.output.appendWithHead(TYPE.RESP, 0, this.stream, head, null);
    this.#startDownload((download) => download.sendAll(source));
  }

  /** Answers with an error: what the handler has thrown. */
  raise(error) {
    let code = CODE.RAISED;
    if (error instanceof BadRequest) code = CODE.BAD_REQUEST;
    else if (this.#cancelled !== null && (error === this.#cancelled || error?.name === 'AbortError')) code = CODE.CANCELLED;
    this.#fail(code, describe(error));
  }

  /** Ends the stream without having called a handler. */
  refuse(why) {
    this.#fail(CODE.NOT_STARTED, why);
  }

  /** Ends a download that can no longer come to its end. */
  abandon(why) {
    this.#breakOff(new Cancelled(why));
  }

  /** Ends a stream whose handler waits for what will not happen: nothing is left that could wake it. */
  strand() {
    this.#download?.stop();
    this.#fail(CODE.RAISED, 'the handler waits for something that cannot happen any more');
  }

  /** Notes that the terminal frame has been sent. */
  close() {
    this.#over = true;
    if (this.#upload !== null && !this.#upload.complete) this.#upload.fail(new Error('the request has been answered'));
    this.#worker.closed(this);
  }

  #startDownload(begin) {
    this.#download = new Download(this, this.#worker.output, this.#window);
    if (this.#worker.inputEnded) this.#download.endInput();
    begin(this.#download);
    // What has not left at once needs WINDOWs, and the host grants none for what it has cancelled.
    if (this.#cancelled !== null && !this.#over) this.#breakOff(this.#cancelled);
  }

  #breakOff(error) {
    this.#download.stop();
    this.#fail(CODE.CANCELLED, error.message);
  }

  #fail(code, text) {
    if (this.#over) return;
    const { output } = this.#worker;
    output.appendFrame(encode({ type: 'ERROR', end: true, stream: this.stream, code, text: cutText(text, output.maxPayload - 2) }));
    this.close();
  }
}

module.exports = { Exchange };
