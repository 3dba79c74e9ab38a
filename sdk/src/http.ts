// The few HTTP requests that the protocol needs, over TCP or a unix socket, each within a deadline and with
// bounded answers.

import { request as plainRequest, type ClientRequest, type IncomingMessage } from "node:http";
import { request as tlsRequest } from "node:https";
import type { Address } from "./address.ts";
import { RegistrationError } from "./error.ts";

const ANSWER_BYTES = 64 * 1024;
/** A line of the event stream; ours are below 100 bytes. */
const LINE_CHARACTERS = 64 * 1024;
/** A request without an answer ends after this. */
const ANSWER_MS = 5_000;
/** The same when leaving: a service that ends does not wait for a node that hangs. */
const LEAVE_MS = 1_000;

export interface Target {
  readonly address: Address;
  readonly apiKey: string | undefined;
  /** Whether requests keep the process alive. */
  readonly hold: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Sends JSON, answers JSON (undefined for an empty body); anything from 400 on is thrown as the node's
 * refusal.
 */
export async function exchange(
  target: Target,
  method: "POST" | "DELETE",
  path: string,
  body?: unknown,
): Promise<unknown> {
  const text = body === undefined ? "" : JSON.stringify(body);
  const request = open(target, method, path, {
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(text)),
  });
  const ms = method === "DELETE" ? LEAVE_MS : ANSWER_MS;
  const timer = setTimeout(() => request.destroy(new Error(`no answer within ${ms} ms`)), ms);
  if (!target.hold) timer.unref();
  try {
    request.end(text);
    const response = await answer(request, target);
    const answered = await read(response, target);
    const status = response.statusCode ?? 0;
    if (status >= 400) throw refusal(status, answered, target);
    return answered === "" ? undefined : JSON.parse(answered);
  } finally {
    clearTimeout(timer);
  }
}

export interface EventStream {
  /** Resolves when the stream is over, with the reason. */
  readonly over: Promise<RegistrationError>;
  close(): void;
}

/** Opens the event stream; `onEvent` hears of each event by name until it is over. */
export async function listen(
  target: Target,
  path: string,
  silenceMs: number,
  onEvent: (name: string) => void,
): Promise<EventStream> {
  const request = open(target, "GET", path, { accept: "text/event-stream" });
  request.setTimeout(silenceMs, () => request.destroy(new Error(`silence for ${silenceMs} ms`)));
  request.end();
  const response = await answer(request, target);
  const status = response.statusCode ?? 0;
  if (status !== 200) throw refusal(status, await read(response, target), target);
  const over = new Promise<RegistrationError>((resolve) => {
    response.on("error", (cause) => resolve(unreachable(target, cause)));
    response.on("close", () => resolve(unreachable(target, new Error("the connection ended"))));
  });
  follow(response, onEvent);
  return { over, close: () => void request.destroy() };
}

function open(target: Target, method: string, path: string, headers: Record<string, string>): ClientRequest {
  const { socketPath, url } = target.address;
  const options = {
    method,
    path,
    // A pooled connection could be one that the node closed meanwhile.
    agent: false as const,
    ...(target.signal === undefined ? {} : { signal: target.signal }),
    headers: {
      ...headers,
      ...(target.apiKey === undefined ? {} : { authorization: `Bearer ${target.apiKey}` }),
    },
  };
  const request =
    url === undefined
      ? plainRequest({ ...options, socketPath })
      : (url.protocol === "https:" ? tlsRequest : plainRequest)(url, { ...options, path });
  if (!target.hold) request.on("socket", (socket) => socket.unref());
  return request;
}

function answer(request: ClientRequest, target: Target): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once("response", resolve);
    request.on("error", (cause) => reject(unreachable(target, cause)));
  });
}

async function read(response: IncomingMessage, target: Target): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response) {
      bytes += chunk.length;
      if (bytes > ANSWER_BYTES) throw new Error(`an answer of more than ${ANSWER_BYTES} bytes`);
      chunks.push(chunk);
    }
  } catch (cause) {
    throw unreachable(target, cause);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Event names only: no event of this protocol carries anything that its name does not say. */
function follow(response: IncomingMessage, onEvent: (name: string) => void): void {
  let rest = "";
  response.setEncoding("utf8");
  response.on("data", (text: string) => {
    rest += text;
    const lines = rest.split(/\r\n|\n|\r/);
    rest = lines.pop() ?? "";
    if (rest.length > LINE_CHARACTERS) response.destroy(new Error("a line without an end"));
    for (const line of lines) if (line.startsWith("event:")) onEvent(line.slice("event:".length).trim());
  });
}

function refusal(status: number, text: string, target: Target): RegistrationError {
  const { code, message, hint } = errorIn(text);
  return new RegistrationError(
    code ?? "ERR_HTTP_STATUS",
    message ?? `the node at ${target.address.text} answered ${status}`,
    { status, ...(hint === undefined ? {} : { hint }) },
  );
}

function errorIn(text: string): { code?: string; message?: string; hint?: string } {
  try {
    const answered: unknown = JSON.parse(text);
    if (typeof answered !== "object" || answered === null || !("error" in answered)) return {};
    const { error } = answered;
    if (typeof error !== "object" || error === null) return {};
    const fields = Object.entries(error).filter(([, value]) => typeof value === "string");
    return Object.fromEntries(fields);
  } catch {
    return {}; // not ours: a proxy's page, or nothing; the status says enough
  }
}

function unreachable(target: Target, cause: unknown): RegistrationError {
  const text = cause instanceof Error ? cause.message : String(cause);
  return new RegistrationError(
    "ERR_NODE_UNREACHABLE",
    `the node at ${target.address.text} does not answer: ${text}`,
    { cause },
  );
}
