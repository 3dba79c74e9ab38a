// One HTTP POST with a deadline. By node:http, because the built-in fetch costs a client verb 30 ms of start.

import { CatalystError } from "#rpc";

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

/** An answer larger than the gateway's own limit did not come from it. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

export async function post(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const { request } = url.startsWith("https:") ? await import("node:https") : await import("node:http");
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
  const sent = request(url, {
    method: "POST",
    headers: { ...headers, "content-length": Buffer.byteLength(body) },
    signal: deadline,
    agent: false,
  });
  sent.on("error", reject);
  sent.on("response", (answer) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    answer.on("error", reject);
    answer.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes > ANSWER_BYTES_MAX) sent.destroy(new Error("the answer is larger than 64 MiB"));
    });
    answer.on("end", () =>
      resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }),
    );
  });
  sent.end(body);
  try {
    return await promise;
  } catch (cause) {
    if (deadline.aborted && !signal.aborted) {
      const hint = "a longer --timeout, or catalyst status";
      throw new CatalystError("ERR_TIMEOUT", `no answer from ${url} within ${timeoutMs} ms`, { hint });
    }
    throw new CatalystError("ERR_NODE_UNREACHABLE", `cannot reach ingress at ${url}`, {
      hint: "catalyst status",
      cause,
    });
  }
}
