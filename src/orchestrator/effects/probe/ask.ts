// One question to one endpoint: does it answer? TCP: a connection; HTTP: a status below 400; GraphQL: `{__typename}` answered
// with data. Invariant: every question ends within its time and reads a bounded number of bytes, whatever the service does.

import { type Agent, request, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import type { ProbeWant } from "#routing";

/** An answer to `{__typename}` has 40 bytes; a health page seldom a kilobyte. */
export const ANSWER_BYTES_MAX = 64 * 1024;

export type Answer = { readonly ok: true } | { readonly ok: false; readonly reason: string };

const GRAPHQL = JSON.stringify({ query: "{__typename}" });

const bad = (reason: string): Answer => ({ ok: false, reason });

const because = (error: Error & { code?: unknown }, url: URL): Answer => {
  switch (error.code) {
    case "ECONNREFUSED":
      return bad(`connection refused by ${url.host}`);
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return bad(`the name ${url.hostname} does not resolve`);
    case "ECONNRESET":
      return bad(`${url.host} closed the connection`);
    default:
      return bad(error.message);
  }
};

const late = (want: ProbeWant): Answer => bad(`no answer within ${want.timeoutMs} ms`);

const askTcp = (want: ProbeWant, signal: AbortSignal): Promise<Answer> =>
  new Promise((resolve) => {
    const url = new URL(want.url);
    const port = Number(url.port) || 80;
    const socket = connect({ host: url.hostname.replace(/^\[|\]$/g, ""), port });
    const done = (answer: Answer): void => {
      resolve(answer);
      socket.destroy();
    };
    socket.setTimeout(want.timeoutMs, () => done(late(want)));
    socket.once("connect", () => done({ ok: true }));
    socket.once("error", (error) => done(because(error, url)));
    signal.addEventListener("abort", () => done(bad("cancelled")), { once: true });
  });

/** Reads to the end; undefined = over the limit. */
const body = async (answer: IncomingMessage): Promise<string | undefined> => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
};

const isGraphql = (text: string): boolean => {
  try {
    const answer = JSON.parse(text) as { data?: { __typename?: unknown } } | null;
    return typeof answer?.data?.__typename === "string";
  } catch {
    return false;
  }
};

const judge = async (want: ProbeWant, answer: IncomingMessage): Promise<Answer> => {
  const status = answer.statusCode ?? 0;
  if (want.kind === "http") {
    // Only the status counts; a body is read so that the connection can be used again, a long one is cut off.
    if ((await body(answer)) === undefined) answer.destroy();
    return status < 400 ? { ok: true } : bad(`HTTP ${status}`);
  }
  const text = await body(answer);
  if (text === undefined) return bad(`the answer is over ${ANSWER_BYTES_MAX / 1024} KiB`);
  if (isGraphql(text)) return { ok: true };
  return bad(status === 200 ? "the answer is not GraphQL" : `HTTP ${status}`);
};

const askHttp = (want: ProbeWant, agent: Agent, signal: AbortSignal, again = false): Promise<Answer> =>
  new Promise((resolve) => {
    const url = new URL(want.url);
    if (want.kind === "http" && want.path !== undefined) url.pathname = want.path;
    const graphql = want.kind === "graphql";
    const asked = request(url, {
      agent,
      method: graphql ? "POST" : "GET",
      headers: {
        "user-agent": "catalyst-probe",
        accept: graphql ? "application/json" : "*/*",
        ...(graphql ? { "content-type": "application/json", "content-length": GRAPHQL.length } : {}),
      },
    });
    const timer = setTimeout(() => finish(late(want)), want.timeoutMs);
    const onAbort = (): void => finish(bad("cancelled"));
    const finish = (answer: Answer | Promise<Answer>): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      resolve(answer);
      if (!asked.destroyed && !asked.writableFinished) asked.destroy();
    };
    signal.addEventListener("abort", onAbort, { once: true });
    asked.on("error", (error: NodeJS.ErrnoException) => {
      // The service closed a kept connection in the very moment of the question: that says nothing about its health.
      const stale = asked.reusedSocket && error.code === "ECONNRESET" && !again;
      finish(stale ? askHttp(want, agent, signal, true) : because(error, url));
    });
    asked.on("response", (answer) => {
      judge(want, answer).then(finish, (error: Error) => finish(because(error, url)));
    });
    asked.end(graphql ? GRAPHQL : undefined);
  });

export const ask = (want: ProbeWant, agent: Agent, signal: AbortSignal): Promise<Answer> =>
  want.kind === "tcp" ? askTcp(want, signal) : askHttp(want, agent, signal);
