// Forwards the few public paths of the auth part when there is no Envoy to do it. The list is closed and exact; nothing else of
// the auth part can be reached through the gateway. Invariant: bounded body, bounded time, and no header of the client goes on
// but the ones named here.

import { request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { readBody } from "./body.ts";

/** contracts: the public paths that belong to auth. */
export const AUTH_PATHS: ReadonlySet<string> = new Set([
  "/.well-known/jwks.json",
  "/.well-known/openid-configuration",
  "/auth/token",
]);

const BODY_MAX = 64 * 1024;
const TIMEOUT_MS = 5_000;
const FORWARDED = ["authorization", "content-type", "accept", "if-none-match"] as const;
const RETURNED = [
  "content-type",
  "cache-control",
  "etag",
  "www-authenticate",
  "retry-after",
  "pragma",
] as const;

export async function proxyAuth(
  socketPath: string,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await readBody(request, BODY_MAX);
  if (!body.ok) {
    if (body.reason === "too-large") response.writeHead(413, ["connection", "close"]).end();
    return;
  }
  const headers: Record<string, string | number> = { "content-length": body.bytes.length };
  for (const name of FORWARDED) {
    const value = request.headers[name];
    if (typeof value === "string") headers[name] = value;
  }
  await new Promise<void>((resolve) => {
    const upstream = httpRequest(
      { socketPath, path, method: request.method ?? "GET", headers, timeout: TIMEOUT_MS },
      (answer) => {
        const returned: string[] = [];
        for (const name of RETURNED) {
          const value = answer.headers[name];
          if (typeof value === "string") returned.push(name, value);
        }
        response.writeHead(answer.statusCode ?? 502, returned);
        answer.pipe(response);
        answer.on("close", resolve);
      },
    );
    const fail = (): void => {
      if (!response.headersSent) {
        const text = JSON.stringify({
          error: "temporarily_unavailable",
          error_description: "the auth part is away",
        });
        response.writeHead(503, ["content-type", "application/json", "retry-after", "1"]).end(text);
      } else response.destroy();
      resolve();
    };
    upstream.on("timeout", () => upstream.destroy(new Error("timeout")));
    upstream.on("error", fail);
    response.on("close", () => upstream.destroy());
    upstream.end(body.bytes);
  });
}
