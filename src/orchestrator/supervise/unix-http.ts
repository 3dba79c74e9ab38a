// One HTTP/1.1 request over a unix socket, by hand: `node:http` would cost the supervisor 14 MB for two questions to Envoy's
// admin interface. Bounded in time and bytes. Chunked answers are put together; nothing else of HTTP is needed.

import { connect } from "node:net";

export interface UnixAnswer {
  readonly status: number;
  readonly body: string;
}

const ANSWER_BYTES_MAX = 1024 * 1024;

const dechunk = (text: string): string => {
  let out = "";
  let at = 0;
  for (;;) {
    const end = text.indexOf("\r\n", at);
    if (end < 0) return out;
    const size = Number.parseInt(text.slice(at, end), 16);
    if (!(size > 0)) return out;
    out += text.slice(end + 2, end + 2 + size);
    at = end + 2 + size + 2;
  }
};

const parse = (text: string): UnixAnswer => {
  const split = text.indexOf("\r\n\r\n");
  const head = text.slice(0, split).toLowerCase();
  const body = text.slice(split + 4);
  const status = Number(/^http\/1\.[01] (\d{3})/.exec(head)?.[1] ?? 0);
  return { status, body: head.includes("transfer-encoding: chunked") ? dechunk(body) : body };
};

/** Rejects on refusal, timeout or a broken answer. */
export const unixRequest = (
  socket: string,
  method: "GET" | "POST",
  path: string,
  timeoutMs: number,
): Promise<UnixAnswer> =>
  new Promise((resolve, reject) => {
    const connection = connect(socket);
    const chunks: Buffer[] = [];
    let bytes = 0;
    connection.setTimeout(timeoutMs, () => connection.destroy(new Error(`no answer in ${timeoutMs} ms`)));
    connection.on("connect", () => {
      connection.write(`${method} ${path} HTTP/1.1\r\nhost: catalyst\r\nconnection: close\r\n`);
      connection.write(method === "POST" ? "content-length: 0\r\n\r\n" : "\r\n");
    });
    connection.on("data", (chunk) => {
      bytes += chunk.length;
      if (bytes > ANSWER_BYTES_MAX) connection.destroy(new Error("the answer is over its limit"));
      else chunks.push(chunk);
    });
    connection.on("error", reject);
    connection.on("end", () => resolve(parse(Buffer.concat(chunks).toString("latin1"))));
    connection.on("close", () => reject(new Error("closed before the answer")));
  });
