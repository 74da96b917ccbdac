/// <reference types="node" />

import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { ParsedUrlQuery } from 'node:querystring';
import type { Readable } from 'node:stream';

/** How much a log line matters. */
export type Level = 'debug' | 'info' | 'warn' | 'error';

/** The headers of a request, in the order received. Names are in lower case; look-up ignores case. */
export interface Headers extends Iterable<[name: string, value: string]> {
  /** Returns the first value of a header. */
  get(name: string): string | undefined;
  /** Returns all values of a header. */
  getAll(name: string): string[];
  /** Returns whether there is such a header. */
  has(name: string): boolean;
}

/** What a handler is called with. */
export interface Request {
  /** The verb, as received. */
  readonly method: string;
  /** Path and query, as received and not decoded. */
  readonly target: string;
  /** The path of the target, not decoded. */
  readonly path: string;
  /** The query of the target, empty when there is none. The raw text is in `target`. */
  readonly query: URLSearchParams;
  /** The headers. */
  readonly headers: Headers;
  /** The id that the request has in every log. */
  readonly callId: string | undefined;
  /** The milliseconds that are left for the request, never below 0, or undefined when there is no limit. */
  readonly deadline: number | undefined;
  /** Whether it is time to come to an end: the deadline has passed, the client has gone, the host stops or has closed the pipe. */
  readonly cancelled: boolean;
  /** An AbortSignal that tells so. */
  readonly signal: AbortSignal;
  /** The body piece by piece. Only reading makes the host send more. */
  readonly stream: AsyncIterable<Buffer>;
  /** Returns a promise of the whole body. It may be called again. */
  body(): Promise<Buffer>;
  /** Returns a promise of the whole body as text (UTF-8). */
  text(): Promise<string>;
  /** Returns a promise of the whole body as the value of its JSON text. Anything else is a BadRequest. */
  json(): Promise<any>;
  /** Logs a text, as the request's. */
  log(level: Level, text: string): void;
}

/** A body that comes in pieces, sent as the client takes them. */
export type Stream = AsyncIterable<string | Uint8Array> | Readable;

/** A header's value. An array is several headers; one without a value is not sent, and not replaced by a default. */
export type HeaderValue = string | number | null | undefined | readonly (string | number)[];

/**
 * A response with a head. An object is taken for one when it has a status (a number) or a body, and no other keys; the
 * body is sent like a value that a handler returns, and decides about the Content-Type unless the headers have one.
 */
export interface Response {
  /** 200 to 999; 200 when it is missing. */
  status?: number;
  /** An object, or anything that iterates over names and values. */
  headers?: Readonly<Record<string, HeaderValue>> | Iterable<readonly [name: string, value: HeaderValue]>;
  /** What is sent: text, bytes, a stream, JSON, or nothing. */
  body?: unknown;
}

/**
 * What a handler returns, or a promise of it. A string is sent as text, bytes as they are, a stream piece by piece,
 * nothing as an empty 200, a Response as it says, and every other value as JSON.
 */
export type Result = string | Uint8Array | Stream | Response | object | number | boolean | null | undefined | void;

/** The function's entry point. What it throws is answered 500, a BadRequest 400. */
export type Handler = (request: Request) => Result | Promise<Result>;

/** Options of `serve`. */
export interface Options {
  /** Runs before the worker is ready, and may load code. What it throws makes the start fail. */
  init?: () => unknown;
  /** How many requests are handled at once (64). The operator's FWATCHDOG_CONCURRENCY wins. */
  concurrency?: number;
}

/** Makes this process a worker that answers requests with `handler`, for the rest of its life. */
export function serve(handler: Handler, options?: Options): void;

/** The signatures that functions for the OpenFaaS templates have. */
export type Style = 'openfaas' | 'classic' | 'native';

/** What an OpenFaaS function is called with. */
export interface FunctionEvent {
  /** By Content-Type: text, the value of JSON, an object of a form; undefined for other types and when there is none. */
  body: any;
  /** As Node has them. */
  headers: IncomingHttpHeaders;
  method: string;
  path: string;
  query: ParsedUrlQuery;
}

/** What an OpenFaaS function answers with, if not with what it returns. The first answer counts. */
export interface FunctionContext {
  /** Reads the status code. */
  status(): number;
  /** Sets the status code. */
  status(code: number): this;
  /** Reads the header object. */
  headers(): Record<string, unknown>;
  /** Replaces the header object. */
  headers(headers: Record<string, unknown>): this;
  /** Answers with a value. */
  succeed(value?: unknown): void;
  /** Answers with an error: 500, unless another status was set. */
  fail(error?: unknown): void;
}

/** Answers with an error, or with a value. */
export type FunctionCallback = (error?: unknown, value?: unknown) => void;

/** A function for the OpenFaaS templates for Node. */
export type EventHandler = (event: FunctionEvent, context: FunctionContext, callback: FunctionCallback) => unknown;

/** A function for the classic OpenFaaS template for Node. */
export type ClassicHandler = (context: string, callback: FunctionCallback) => unknown;

/**
 * Makes a handler for `serve` of a function that was written for an OpenFaaS template. Without a style the environment
 * variable `handler_style` says which, and without that it is `openfaas`.
 */
export function openfaas(handler: EventHandler, style?: 'openfaas'): Handler;
export function openfaas(handler: ClassicHandler, style: 'classic'): Handler;
export function openfaas(handler: Handler, style: 'native'): Handler;
export function openfaas(handler: (...args: any[]) => unknown, style?: Style): Handler;

/**
 * Makes a handler for `serve` of a handler of Node's HTTP server; an Express application is one. It gets its requests from
 * a real server of `node:http`, which has no port.
 */
export function fromNodeHandler(app: (req: IncomingMessage, res: ServerResponse) => unknown): Handler;

/** Thrown by a handler, or by `request.json()`, for a request that makes no sense: the client gets 400. */
export class BadRequest extends Error {}
