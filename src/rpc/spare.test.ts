// Each case is a process of its own: what is loaded stays loaded.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

/** What a module prints that was run after `spareFetch`. */
function run(script: string): string {
  const door = JSON.stringify(join(import.meta.dirname, "index.ts"));
  const text =
    `const { spareFetch, pair, expose } = await import(${door}); spareFetch(); spareFetch();` +
    `const loaded = () => process.moduleLoadList.some((each) => each.includes("undici"));${script}`;
  const ended = spawnSync(process.execPath, ["--input-type=module", "-e", text], { encoding: "utf8" });
  assert.equal(ended.status, 0, ended.stderr);
  return ended.stdout.trim();
}

test("neither node:http nor a session loads Node's own HTTP client", () => {
  const script = `
    await import("node:http");
    const [session] = await pair(() => expose({ say: async () => "hello" }, { say: { safeParse: (data) => ({ success: true, data }) } }));
    console.log(await session.stub.say(), loaded());
    process.exit(0);`;
  assert.equal(run(script), "hello false");
});

test("whoever wants the classes gets the real ones, in any order", () => {
  assert.equal(
    run(`const answer = new Response("text"); console.log(answer instanceof Response,
         Response === globalThis.Response, Headers === globalThis.Headers, await answer.text())`),
    "true true true text",
  );
  assert.equal(run(`console.log(({}) instanceof Request, Request === globalThis.Request)`), "false true");
  assert.equal(run(`console.log(await Response.json({ a: 1 }).text())`), '{"a":1}');
  assert.equal(
    run(`const got = await fetch("data:,hi"); console.log(got instanceof Response, await got.text())`),
    "true hi",
  );
  assert.equal(
    run(`const { default: http } = await import("node:http"); console.log(typeof http.WebSocket)`),
    "function",
  );
});
