// What is read but not done yet is refused by name before anything starts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfig } from "#config";
import { refuseNotServed } from "./not-served.ts";

const load = (flags: readonly string[]) => loadConfig({ files: [], env: {}, flags: [...flags], cwd: "/" });

test("a configuration for one node is taken", async () => {
  refuseNotServed(await load(["--service", "name=a,protocol=http,endpoint=http://127.0.0.1:1"]));
});

test("keys of peering are refused, each by its name", async () => {
  const loaded = await load([
    "--peer-listen",
    "127.0.0.1:10443",
    "--export",
    '{"match":{},"action":"accept"}',
  ]);
  assert.throws(
    () => refuseNotServed(loaded),
    /^CatalystError: exports, peer\.listen: this version runs no sessions/,
  );
});
