// The public paths: the one list of requests that need no token (docs/internals/contracts.md section 4). The
// routes without a token that anyone may use are made from it, and closed.ts checks them against it, so nothing else can be
// opened.

import type { RouteMatch } from "./names.ts";

export interface PublicPath {
  readonly name: string;
  readonly match: RouteMatch;
}

const exact = (path: string): PublicPath => ({ name: path, match: { path } });

export const PUBLIC_PATHS: readonly PublicPath[] = [
  exact("/healthz"),
  exact("/.well-known/jwks.json"),
  exact("/.well-known/openid-configuration"),
  exact("/auth/token"),
  {
    // The page of the query editor, and nothing but the page: the gateway executes no query without claims. A WebSocket
    // handshake that claims to want HTML must not slip through.
    name: "/graphql#page",
    match: {
      path: "/graphql",
      headers: [
        { name: ":method", string_match: { exact: "GET" } },
        { name: "accept", string_match: { contains: "text/html" } },
        { name: "upgrade", present_match: false },
      ],
    },
  },
];
