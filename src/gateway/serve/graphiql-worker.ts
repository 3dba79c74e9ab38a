// The thread that makes GraphiQL's page and ends: nine megabytes of text, needed once in a while, never in the memory of the
// thread that serves. Invariant: the same package gives the same bytes, so that the page has one etag on every node.

import { hash } from "node:crypto";
import { parentPort } from "node:worker_threads";
import { gzipSync } from "node:zlib";
import type { Rendered } from "./page.ts";

const WELCOME = `# The graph of this node: every service it knows, as one schema.
# Ctrl-Enter runs the query, Ctrl-Space completes it. A node that asks for
# tokens wants yours below, under "Headers", after the word Bearer.

{
  __typename
}
`;

/** Nodes around a graph; GraphiQL's package would show the mark of another product. */
const ICON =
  "data:image/svg+xml," +
  encodeURIComponent(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><g fill="#d60690" stroke="#d60690">` +
      `<path d="M8 3 3 12h10z" fill="none"/><circle cx="8" cy="3" r="2"/><circle cx="3" cy="12" r="2"/>` +
      `<circle cx="13" cy="12" r="2"/></g></svg>`,
  );

const { renderGraphiQL } = await import("@graphql-yoga/render-graphiql");
const html = renderGraphiQL({
  title: "Catalyst graph",
  favicon: ICON,
  logo: `<img alt="" width="28" height="28" src="${ICON}">`,
  // Requests go to the path the page came from, so it works behind a prefix as well.
  defaultQuery: WELCOME,
  headers: `{"authorization": "Bearer "}`,
  // A token must not outlive the tab.
  shouldPersistHeaders: false,
});
const page: Rendered = {
  gzip: new Uint8Array(gzipSync(html)),
  etag: `"${hash("sha256", html, "base64url")}"`,
  scripts: scriptsOf(html),
};
parentPort?.postMessage(page);

/** What a Content-Security-Policy calls the scripts inside a page. */
function scriptsOf(text: string): string {
  const sources: string[] = [];
  let at = 0;
  for (;;) {
    const start = text.indexOf("<script>", at);
    const end = text.indexOf("</script>", start);
    if (start < 0 || end < 0) return sources.join(" ");
    sources.push(`'sha256-${hash("sha256", text.slice(start + "<script>".length, end), "base64")}'`);
    at = end;
  }
}
