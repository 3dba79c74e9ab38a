// The page for browsers at GET /graphql. The default is our own explorer: one file, no network but this node, works offline and
// under a strict Content-Security-Policy, so a token typed into it can go nowhere else. `?ui=graphiql` gives the full GraphiQL
// of graphql-yoga, which loads its scripts from a public CDN; it is imported only then, because it costs 40 MB of memory.
// Invariant: the page holds nothing of the graph; what it shows it asks for with the user's own token.

import { hash } from "node:crypto";
import { EXPLORER_BODY, EXPLORER_SCRIPT, EXPLORER_STYLE } from "./explorer.ts";

export interface Page {
  readonly html: string;
  readonly policy: string;
}

const sha = (text: string): string => `'sha256-${hash("sha256", text, "base64")}'`;

const EXPLORER: Page = {
  html:
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Catalyst graph</title>` +
    `<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">` +
    `<style>${EXPLORER_STYLE}</style></head><body>${EXPLORER_BODY}<script>${EXPLORER_SCRIPT}</script></body></html>`,
  policy:
    `default-src 'none'; script-src ${sha(EXPLORER_SCRIPT)}; style-src ${sha(EXPLORER_STYLE)}; img-src data:; ` +
    `connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
};

/** GraphiQL's own scripts, styles and workers; it needs inline script and blobs. */
const GRAPHIQL_POLICY =
  `default-src 'none'; script-src 'unsafe-inline' https://unpkg.com blob:; style-src 'unsafe-inline' https://unpkg.com; ` +
  `font-src https://unpkg.com data:; img-src data: https:; worker-src blob:; connect-src 'self' https://unpkg.com; ` +
  `base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

export async function graphiqlPage(search: string): Promise<Page> {
  if (new URLSearchParams(search).get("ui") !== "graphiql") return EXPLORER;
  const { renderGraphiQL } = await import("graphql-yoga");
  const html = renderGraphiQL({ title: "Catalyst graph", endpoint: "/graphql" });
  return { html, policy: GRAPHIQL_POLICY };
}

export function pageHeaders(page: Page): string[] {
  return [
    ...["content-type", "text/html; charset=utf-8"],
    ...["content-length", String(Buffer.byteLength(page.html))],
    ...["content-security-policy", page.policy],
    ...["x-content-type-options", "nosniff", "referrer-policy", "no-referrer", "cache-control", "no-store"],
  ];
}
