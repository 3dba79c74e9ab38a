// The page for browsers: what is sent, how long it is kept, and in a real browser that it runs, asks nobody but this node, and
// puts the user's header on the query.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { IncomingMessage, request, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { chromium } from "playwright-core";
import { locate, needs } from "../../../test/kit/needs.ts";
import { createGateway } from "../gateway.ts";
import { Bench, type SubgraphOptions } from "../kit.common-case.ts";
import { PageServer } from "./page.ts";

const service: SubgraphOptions = {
  name: "a",
  kind: "graphql",
  sdl: "type Query { answer: Int }",
  root: { answer: 42 },
};
const html = { accept: "text/html,*/*" };

test("a browser gets GraphiQL whole, under a strict policy, and never an execution", async () => {
  await using bench = await Bench.open();
  const [subgraph] = await bench.graph([service]);
  const [page, again] = await Promise.all([
    fetch(`${bench.url}?query={answer}`, { headers: html }),
    fetch(bench.url, { headers: { ...html, "accept-encoding": "identity" } }),
  ]);
  const text = await page.text();
  assert.match(text, /YogaGraphiQL\.renderYogaGraphiQL/);
  assert.doesNotMatch(text, /<(?:script|link|img)\b[^>]*\b(?:src|href)="https?:/);
  assert.equal(page.headers.get("content-encoding"), "gzip");
  assert.equal(again.headers.get("content-encoding"), null);
  assert.equal(await again.text(), text);
  const policy = page.headers.get("content-security-policy") ?? "";
  assert.match(policy, /^default-src 'none'; script-src 'sha256-[^ ;]+'; worker-src blob:;/);
  assert.doesNotMatch(policy, /https?:|\*|unsafe-eval/);
  assert.equal(page.headers.get("cache-control"), "private, max-age=3600");
  assert.equal(subgraph?.requests.length, 0);
});

test("a browser that has the page is not sent it again", async () => {
  await using bench = await Bench.open();
  const first = await fetch(bench.url, { headers: html });
  await first.arrayBuffer();
  const etag = first.headers.get("etag") ?? "";
  // `cache: no-store` is how fetch lets a caller's own condition through.
  const second = await fetch(bench.url, { headers: { ...html, "if-none-match": etag }, cache: "no-store" });
  assert.equal(second.status, 304);
  assert.equal(await second.text(), "");
});

test("a page that cannot be made is told with its reason", async () => {
  const failures: unknown[] = [];
  const page = { renderTimeoutMs: 1, failed: (error: unknown) => void failures.push(error) };
  const gateway = await createGateway({ page });
  const folder = await mkdtemp(join(tmpdir(), "catalyst-page-"));
  const socketPath = join(folder, "gateway.sock");
  await gateway.listen({ unix: socketPath });
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const asked = request({ socketPath, path: "/graphql", headers: html }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    asked.on("error", reject).end();
  });
  assert.equal(status, 503);
  assert.equal(failures.length, 1);
  const [failure] = failures;
  assert.ok(failure instanceof Error && failure.cause instanceof Error, String(failure));
  await gateway.close(0);
  await rm(folder, { recursive: true });
});

test("those who wait for the same page share its attempt, and the next one who asks gets a new one", async () => {
  let failures = 0;
  const page = new PageServer({ renderTimeoutMs: 1, failed: () => void (failures += 1) });
  const asked = new IncomingMessage(new Socket());
  const ask = (): Promise<void> => page.serve(asked, new ServerResponse(asked));
  const both = await Promise.allSettled([ask(), ask()]);
  assert.deepEqual([both.map(({ status }) => status), failures], [["rejected", "rejected"], 1]);
  await assert.rejects(ask(), { code: "ERR_INTERNAL" });
  assert.equal(failures, 2);
  page.close();
});

test("in a browser: no network but this node, a query typed and answered", needs("chromium"), async () => {
  await using bench = await Bench.open();
  await bench.graph([service]);
  const browser = await chromium.launch({
    executablePath: locate("chromium") ?? "",
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
  try {
    const page = await browser.newPage({ viewport: { width: 1_280, height: 800 } });
    const strangers: string[] = [];
    const complaints: string[] = [];
    let authorization: string | undefined;
    page.on("request", (request) => {
      if (request.method() === "POST") authorization = request.headers()["authorization"];
      const url = new URL(request.url());
      if (url.origin !== new URL(bench.url).origin && !["data:", "blob:"].includes(url.protocol))
        strangers.push(request.url());
    });
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    await page.goto(bench.url);
    const editor = page.getByRole("region", { name: /operation editor/i });
    await editor.waitFor();
    await page.getByText("The graph of this node").waitFor();
    await editor.locator(".monaco-editor").click();
    await page.keyboard.press("Control+A");
    await page.keyboard.type("{ answer ");
    await page.getByRole("button", { name: "Headers" }).click();
    await page.locator(".graphiql-editor-tool .monaco-editor:visible").click();
    await page.keyboard.press("Control+A");
    await page.keyboard.type(`{"authorization": "Bearer mine`);
    await page.getByRole("button", { name: /execute query/i }).click();
    const answer = page.locator(".result-window");
    await answer.getByText("42").waitFor();
    const shot = process.env["PAGE_SCREENSHOT"];
    if (shot !== undefined) await page.screenshot({ path: shot });
    assert.deepEqual(strangers, []);
    assert.deepEqual(complaints, []);
    assert.equal(authorization, "Bearer mine");
    const kept = await page.evaluate(() => JSON.stringify({ ...localStorage }));
    assert.doesNotMatch(kept, /Bearer mine/, "the token stays in the tab");
  } finally {
    await browser.close();
  }
});
