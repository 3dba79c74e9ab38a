// Log lines: one each, bounded, and never a secret. The canaries are put wherever a careless caller could put them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createLog } from "./log.ts";

function capture(level: "debug" | "info" = "debug") {
  const lines: string[] = [];
  const log = createLog({ part: "gateway", node: "edge1", level, to: (line) => void lines.push(line) });
  return { lines, log, last: (): Record<string, unknown> => JSON.parse(lines.at(-1) ?? "") };
}

test("one JSON line with level, time, part and text", () => {
  const { lines, log, last } = capture("info");
  log.debug({}, "not written");
  assert.equal(lines.length, 0);
  log.child({ trace_id: "4bf9" }).info({ service: "reviews", ms: 3 }, "the service is up");
  assert.match(lines[0] ?? "", /\}\n$/);
  const { time, ...rest } = last();
  assert.equal(new Date(String(time)).toISOString(), time);
  assert.deepEqual(rest, {
    level: "info",
    part: "gateway",
    node: "edge1",
    trace_id: "4bf9",
    service: "reviews",
    ms: 3,
    text: "the service is up",
  });
});

test("fields never take the place of the line's own", () => {
  const { lines, log } = capture();
  const taken = { text: "a", level: "b", time: "c", part: "d", other: "e" };
  log.info(taken, "the text");
  log.child({ part: "f", text: "g" }).warn({}, "the text");
  for (const line of lines)
    for (const name of ["text", "level", "time", "part"])
      assert.equal(line.split(`"${name}":`).length, 2, `${name} once in ${line}`);
  const [first = "", second = ""] = lines;
  assert.match(first, /"text_":"a","level_":"b","time_":"c","part_":"d"/);
  assert.match(second, /"text_":"g","part_":"f"/);
});

test("a canary in any place never reaches the log", () => {
  const { lines, log } = capture();
  const key = "cat_live_abcdefghijklCANARY1CANARY1CANARY1CANARY1CANARY1xx123456";
  const jwt = "eyJhbGciOiJFUzM4NCJ9.eyJzdWIiOiJDQU5BUlkyIn0.CANARY2_signature";
  const pem = "-----BEGIN PRIVATE KEY-----\nCANARY3\n-----END PRIVATE KEY-----";
  const places: object[] = [
    { authorization: "CANARY0" },
    { headers: { Authorization: "CANARY0", cookie: "a=CANARY0", "x-api-key": "CANARY0" } },
    { request: { token: "CANARY0", clientSecret: "CANARY0", password: "CANARY0", idToken: "CANARY0" } },
    { note: `sent ${key} to us`, jwt, pem },
    { header: "Bearer CANARYCANARY", url: "http://user:CANARY0@host/x" },
    { error: new Error(`refused ${key}`, { cause: new Error(jwt) }) },
    new Error(`refused ${jwt}`),
    { list: [[key], { deep: [jwt] }] },
    { [key]: 1 },
    { text: `${"x".repeat(1_990)} ${key}` },
    { jwk: '{"kty":"EC","d":"CANARYCANARYCANARYCANARY"}' },
    { bytes: Buffer.from(key), map: new Map([["a", key]]) },
  ];
  for (const fields of places) log.error(fields, `failed with ${key} and ${jwt}`);
  log.child({ authorization: "CANARY0", key }).info({}, pem);
  const all = lines.join("");
  assert.doesNotMatch(all, /CANARY/);
  assert.match(all, /\[redacted\]/);
  assert.equal(lines.length, places.length + 1);
});

test("control characters neither forge a line nor drive a terminal", () => {
  const { lines, log, last } = capture();
  log.warn({ agent: 'a\r\n{"level":"info"}\u001b[31m\u009b\u2028' }, "told\r\nby\u0007 a\nheader");
  assert.equal(lines.length, 1);
  assert.equal(lines[0]?.trimEnd().includes("\n"), false);
  assert.equal(last()["agent"], 'a\n{"level":"info"}[31m');
  assert.equal(last()["text"], "told by a header");
});

test("whatever is passed in, a line stays bounded", () => {
  const { lines, log } = capture();
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`field${i}`, i]));
  const deep: Record<string, unknown> = {};
  deep["self"] = deep;
  log.info(
    { long: "x".repeat(1e6), many, list: Array.from({ length: 500 }, (_, i) => i), deep },
    "y".repeat(1e6),
  );
  assert.equal((lines[0] ?? "").length < 10_000, true);
  log.info({ n: 10n, f: () => 1, u: undefined, s: Symbol("a"), d: new Date(Number.NaN) }, "odd values");
  assert.equal(lines.length, 2);
  log.info(JSON.parse('{"__proto__":{"polluted":true}}'), "keys");
  assert.equal("polluted" in {}, false);
});
