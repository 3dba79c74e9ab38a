// The HTTP side of the auth part, for Envoy and for services: the key set, discovery, the token endpoint, health, and the
// answer to Envoy's ext_authz for requests that carry an API key. Follows docs/internals/contracts.md section 4 and
// docs/internals/identity.md sections 4 and 7. Invariants: each path has its methods, and no other is answered; everything about
// keys and tokens but the public key set is marked as not to be stored; an API key is never logged and never answered with.

import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { CatalystError, type KeySet, type Signed } from "#rpc";
import { HTTP_BODY_BYTES_MAX, JWKS_MAX_AGE_S } from "../limits.ts";
import { type Clock, type Log, reasonOf } from "../ports.ts";
import { NO_STORE, sendError, sendJson, sendOauthError } from "./respond.ts";

export interface HttpApp {
  /** Never rejects and never throws. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

export interface HttpAppOptions {
  readonly keySet: () => KeySet;
  readonly exchange: (apiKey: string) => Promise<Signed>;
  /** False when tokens come from another issuer, whose discovery document is not ours to serve. */
  readonly mints: boolean;
  readonly problem: () => string | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

type Answer = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void;

const JWKS_PATH = "/.well-known/jwks.json";
const JWKS_HEADERS = {
  "cache-control": `public, max-age=${JWKS_MAX_AGE_S}, stale-if-error=86400`,
  "content-type": "application/jwk-set+json",
} as const;
const GET = ["GET", "HEAD"] as const;

export function createHttpApp(options: HttpAppOptions): HttpApp {
  const { log } = options;
  const routes = new Map<string, readonly [readonly string[], Answer]>([
    [JWKS_PATH, [GET, keySetAnswer(options.keySet)]],
    ["/.well-known/openid-configuration", [GET, (req, res) => discovery(options, req, res)]],
    ["/auth/token", [["POST"], (req, res) => token(options, req, res)]],
    ["/healthz", [GET, (_, res) => health(options, res)]],
  ]);
  const route: Answer = (request, response) => {
    const path = pathOf(request);
    if (path === "/authz" || path.startsWith("/authz/")) return authorize(options, request, response);
    const found = routes.get(path);
    if (found === undefined) return sendError(response, 404, "ERR_NOT_FOUND", "nothing here");
    const [methods, answer] = found;
    if (!methods.includes(request.method ?? "")) {
      const allow = methods.join(", ");
      return sendError(response, 405, "ERR_INVALID_ARGUMENT", `use ${allow}`, { allow });
    }
    return answer(request, response);
  };
  return {
    async handle(request, response) {
      try {
        await route(request, response);
      } catch (error) {
        log.error({ reason: reasonOf(error), path: pathOf(request).slice(0, 256) }, "a request failed");
        if (!response.headersSent) sendError(response, 500, "ERR_INTERNAL", "a defect of this program");
        else response.destroy();
      }
    },
  };
}

function pathOf({ url = "/" }: IncomingMessage): string {
  const query = url.indexOf("?");
  return query === -1 ? url : url.slice(0, query);
}

/** The public keys; body and ETag are made once per change. */
function keySetAnswer(keySet: () => KeySet): Answer {
  let made: { readonly revision: number; readonly body: Buffer; readonly etag: string } | undefined;
  return (request, response) => {
    const { revision, keys } = keySet();
    if (made?.revision !== revision) {
      const body = Buffer.from(JSON.stringify({ keys }));
      made = {
        revision,
        body,
        etag: `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`,
      };
    }
    const headers = { ...JWKS_HEADERS, etag: made.etag };
    if (matches(request.headers["if-none-match"], made.etag)) {
      response.writeHead(304, headers).end();
      return;
    }
    sendJson(response, 200, made.body, headers);
  };
}

/** RFC 9110 section 13.1.2: a list, compared weakly. */
const matches = (header: string | undefined, etag: string): boolean =>
  header !== undefined &&
  header.split(",").some((one) => one.trim() === "*" || one.trim().replace(/^W\//, "") === etag);

function discovery(options: HttpAppOptions, request: IncomingMessage, response: ServerResponse): void {
  if (!options.mints) {
    return sendError(response, 404, "ERR_TOKENS_FOREIGN", "tokens of this node come from another issuer");
  }
  // Only a plain host goes into the document; Envoy has already refused hosts it does not serve.
  const host = /^[A-Za-z0-9.-]{1,253}(:\d{1,5})?$|^\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?$/.exec(
    request.headers.host ?? "",
  )?.[0];
  if (host === undefined) return sendError(response, 400, "ERR_INVALID_ARGUMENT", "no usable host header");
  const base = `${request.headers["x-forwarded-proto"] === "https" ? "https" : "http"}://${host}`;
  const { issuer, keys } = options.keySet();
  sendJson(
    response,
    200,
    {
      issuer,
      jwks_uri: `${base}${JWKS_PATH}`,
      token_endpoint: `${base}/auth/token`,
      grant_types_supported: ["client_credentials"],
      response_types_supported: ["none"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: [...new Set(keys.map((key) => key.alg))],
    },
    { "cache-control": `max-age=${JWKS_MAX_AGE_S}`, vary: "host, x-forwarded-proto" },
  );
}

function health({ problem, keySet }: HttpAppOptions, response: ServerResponse): void {
  // Without keys every token would be refused; with old ones work goes on, and status says what is wrong.
  const ok = keySet().keys.length > 0;
  sendJson(response, ok ? 200 : 503, { ok, ...(ok ? {} : { problem: problem() ?? "no keys" }) }, NO_STORE);
}

/** `POST /auth/token`: an API key as bearer for a token. A body is neither needed nor read. */
async function token(
  options: HttpAppOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (!(await discardBody(request))) {
    sendOauthError(response, 413, "invalid_request", `a body is at most ${HTTP_BODY_BYTES_MAX} bytes`);
    return;
  }
  const key = bearerOf(request);
  if (key === undefined) return sendOauthError(response, 401, "invalid_client", "send an API key as bearer");
  try {
    const signed = await options.exchange(key);
    const left = Math.max(0, Math.floor(signed.expiresAt - options.clock.now() / 1_000));
    sendJson(response, 200, { access_token: signed.token, token_type: "Bearer", expires_in: left }, NO_STORE);
  } catch (error) {
    if (!(error instanceof CatalystError)) throw error;
    if (error.code === "ERR_APIKEY_INVALID") {
      return sendOauthError(response, 401, "invalid_client", error.message);
    }
    if (error.code === "ERR_TOKENS_FOREIGN") {
      return sendOauthError(response, 400, "unsupported_grant_type", error.message);
    }
    if (error.code === "ERR_LIMIT") return sendOauthError(response, 503, "temporarily_unavailable", "busy");
    throw error;
  }
}

/**
 * What Envoy's ext_authz asks, under `/authz` with the path of the original request behind it and its method. 200 with an
 * `authorization` header lets the request pass with that header; everything else is the client's answer.
 */
async function authorize(
  { exchange }: HttpAppOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  request.resume();
  const challenge = { "www-authenticate": 'Bearer error="invalid_token"' };
  const key = bearerOf(request);
  if (key === undefined) {
    return sendError(response, 401, "ERR_TOKEN_MISSING", "the request carries no API key", challenge);
  }
  try {
    const { token } = await exchange(key);
    response.writeHead(200, { authorization: `Bearer ${token}`, "content-length": 0, ...NO_STORE }).end();
  } catch (error) {
    if (!(error instanceof CatalystError)) throw error;
    if (error.code === "ERR_LIMIT") {
      return sendError(response, 503, error.code, "busy", { "retry-after": "1" });
    }
    if (error.code !== "ERR_APIKEY_INVALID" && error.code !== "ERR_TOKENS_FOREIGN") throw error;
    sendError(response, 401, error.code, error.message, challenge);
  }
}

/** The bearer of the one authorization header there is; Node keeps the first of several. */
const bearerOf = ({ headers }: IncomingMessage): string | undefined =>
  /^bearer +([\x21-\x7e]+) *$/i.exec(headers.authorization ?? "")?.[1];

/** Reads the body away; false when it is longer than any request for a token can be. */
async function discardBody(request: IncomingMessage): Promise<boolean> {
  let size = Number(request.headers["content-length"] ?? 0);
  if (size > HTTP_BODY_BYTES_MAX) return false;
  size = 0;
  for await (const part of request.iterator({ destroyOnReturn: false })) {
    const bytes: Buffer = part;
    size += bytes.length;
    if (size > HTTP_BODY_BYTES_MAX) return false;
  }
  return true;
}
