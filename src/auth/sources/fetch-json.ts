// One bounded GET of a small JSON document from a place that is not trusted. Exists because `fetch` follows redirects, reads
// without limit and connects anywhere. Follows docs/internals/identity.md section 4.
// Invariants: no redirect is followed, no more than the limit is read, nothing outlives the deadline, no address on the
// inside is connected, no connection stays open afterwards.

import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { JWKS_BYTES_MAX, JWKS_DEADLINE_MS } from "../limits.ts";
import type { Clock } from "../ports.ts";
import { type AddressRules, guardedLookup, refuseUrl } from "./address-guard.ts";

export interface FetchRules extends AddressRules {
  readonly clock: Clock;
  /** PEM of a CA for https; default: those of the system. */
  readonly ca?: string;
}

export interface Fetched {
  readonly status: number;
  readonly etag: string | undefined;
  readonly cacheControl: string | undefined;
  readonly body: string;
}

const HEADER_CHARS_MAX = 512;

export function fetchJson(url: URL, rules: FetchRules, etag?: string): Promise<Fetched> {
  return new Promise((resolve, reject) => {
    refuseUrl(url, rules);
    const send = url.protocol === "https:" ? requestHttps : requestHttp;
    const request = send(url, {
      agent: false,
      lookup: guardedLookup(rules),
      maxHeaderSize: 16 * 1024,
      headers: {
        accept: "application/jwk-set+json, application/json",
        "accept-encoding": "identity",
        "user-agent": "catalyst-node",
        ...(etag === undefined ? {} : { "if-none-match": etag }),
      },
      ...(rules.ca === undefined ? {} : { ca: rules.ca }),
    });
    const cancel = rules.clock.after(JWKS_DEADLINE_MS, () => {
      request.destroy(new Error(`${url.host}: no answer in ${JWKS_DEADLINE_MS / 1_000} s`));
    });
    request.on("error", reject);
    request.on("close", () => {
      cancel();
      // Has no effect once it was resolved or rejected.
      reject(new Error(`${url.host} closed the connection`));
    });
    request.on("response", (response) => {
      read(response, url).then(resolve, (error: unknown) => {
        reject(error);
        request.destroy();
      });
    });
    request.end();
  });
}

async function read(response: IncomingMessage, url: URL): Promise<Fetched> {
  const status = response.statusCode ?? 0;
  if (status >= 300 && status < 400 && status !== 304) {
    throw new Error(`${url.host} redirects, which is not followed`);
  }
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of response) {
    const bytes: Buffer = part;
    size += bytes.length;
    if (size > JWKS_BYTES_MAX) throw new Error(`${url.host} answers with over ${JWKS_BYTES_MAX} bytes`);
    parts.push(bytes);
  }
  return {
    status,
    etag: header(response.headers.etag),
    cacheControl: header(response.headers["cache-control"]),
    body: Buffer.concat(parts).toString("utf8"),
  };
}

const header = (value: string | undefined): string | undefined =>
  value === undefined || value.length > HEADER_CHARS_MAX ? undefined : value;
