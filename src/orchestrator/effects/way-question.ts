// One question to a learned service, along the very way that queries of the graph take: egress, the Envoys of the nodes between, the
// service. Any answer of the service itself will do, for what is asked about is the way; an answer that an Envoy on the way made
// itself (src/envoy/translate/peering-replies.ts) says why it is closed. Invariant: ends within its time, reads a bounded number of
// bytes and never rejects, whatever answers.

import { type IncomingMessage, request } from "node:http";
import type { ServiceName } from "#routing";

const ASK_MS = 5_000;
/** What an Envoy says itself is shorter. */
const REPLY_BYTES_MAX = 4 * 1024;
const TEXT_MAX = 300;
const QUESTION = JSON.stringify({ query: "{__typename}" });

/** Why the way is closed; undefined = it is open. */
export function askWay(
  egress: string,
  service: ServiceName,
  stop: AbortSignal,
  ms = ASK_MS,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const late = AbortSignal.timeout(ms);
    const failed = (error: Error & { code?: unknown }): void => {
      if (late.aborted) resolve(`no answer within ${ms} ms`);
      else resolve(error.code === "ECONNREFUSED" ? "nothing listens at egress" : error.message);
    };
    const asked = request(
      `http://${egress}/`,
      {
        method: "POST",
        agent: false,
        signal: AbortSignal.any([stop, late]),
        headers: {
          host: service,
          accept: "application/json",
          "content-type": "application/json",
          "content-length": QUESTION.length,
        },
      },
      (answer) => void closedBy(answer).then(resolve, failed),
    );
    asked.on("error", failed);
    asked.end(QUESTION);
  });
}

async function closedBy(answer: IncomingMessage): Promise<string | undefined> {
  const { statusCode = 0 } = answer;
  // An Envoy says 403, 404 or 5xx.
  const text = statusCode < 403 ? "" : await beginning(answer);
  answer.destroy();
  return text === "" ? undefined : replyOf(text);
}

/** Empty when it is longer than anything that an Envoy says. */
async function beginning(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > REPLY_BYTES_MAX) return "";
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Undefined when a service said it: the codes are ours. */
function replyOf(text: string): string | undefined {
  let error: { readonly message?: unknown; readonly extensions?: { readonly code?: unknown } } | undefined;
  try {
    error = (JSON.parse(text) as { errors?: readonly (typeof error)[] } | null)?.errors?.[0];
  } catch {
    return undefined; // no Envoy of ours says what is not JSON
  }
  const { message, extensions } = error ?? {};
  const ours = typeof extensions?.code === "string" && /^ERR_[A-Z]/.test(extensions.code);
  return ours && typeof message === "string" ? message.slice(0, TEXT_MAX) : undefined;
}
