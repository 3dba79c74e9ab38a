// Answers of the auth part's HTTP side: small JSON bodies with the headers that security asks for on each of them.
// Follows RFC 6749 section 5 (errors and no-store of the token endpoint) and RFC 6750 section 3 (WWW-Authenticate).
// Invariant: nothing a client sent is ever repeated in an answer.

import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { ErrorCode } from "#rpc";

const COMMON = { "x-content-type-options": "nosniff" } as const;
export const NO_STORE = { "cache-control": "no-store", pragma: "no-cache" } as const;

export function sendJson(
  response: ServerResponse,
  status: number,
  body: object | Buffer,
  headers: OutgoingHttpHeaders = {},
): void {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
  response.writeHead(status, {
    ...COMMON,
    "content-type": "application/json",
    "content-length": bytes.length,
    ...headers,
  });
  response.end(response.req.method === "HEAD" ? undefined : bytes);
}

/** The OAuth form, for the token endpoint. */
export function sendOauthError(
  response: ServerResponse,
  status: number,
  error:
    | "invalid_client"
    | "invalid_request"
    | "unsupported_grant_type"
    | "temporarily_unavailable"
    | "server_error",
  description: string,
): void {
  sendJson(
    response,
    status,
    { error, error_description: description },
    {
      ...NO_STORE,
      ...(status === 401 ? { "www-authenticate": `Bearer error="invalid_token"` } : {}),
      // The rest of a body that is too long is not waited for.
      ...(status === 413 ? { connection: "close" } : {}),
      ...(status === 503 ? { "retry-after": "1" } : {}),
    },
  );
}

/** The node's own form, the same that the gateway answers with. */
export function sendError(
  response: ServerResponse,
  status: number,
  code: ErrorCode,
  message: string,
  headers: OutgoingHttpHeaders = {},
): void {
  sendJson(response, status, { error: { code, message } }, { ...NO_STORE, ...headers });
}
