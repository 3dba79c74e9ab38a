import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { catalyst, fixedNode, temporary } from "../testing.ts";
import { RESULTS } from "../testdata/results.ts";

test("check --wait ends when nothing fatal fails, and does not wait for a warning to go", async (t) => {
  const [good, warning] = RESULTS.check;
  assert.ok(good !== undefined && warning !== undefined);
  assert.deepEqual([warning.ok, warning.severity], [false, "warning"]);
  const node = await fixedNode(t, { check: [good, warning] });
  const { code } = await catalyst(`check --wait 1s --data-dir ${node.dataDir}`);
  assert.equal(code, 0);
  assert.equal(node.calls.filter(([verb]) => verb === "check").length, 1, "asked once");
});

async function taken(t: TestContext): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  return `127.0.0.1:${address.port}`;
}

test("check --pre tries each address that the node will open; a taken one of egress only warns", async (t) => {
  const cwd = temporary(t);
  const place = { cwd, env: { HOME: cwd } };
  const config = {
    organization: "acme.catalyst.internal",
    node: "edge1",
    ingress: { listen: "127.0.0.1:0" },
    peer: { listen: await taken(t) },
    control: { listen: await taken(t) },
    egress: { listen: await taken(t) },
    envoy: { disabled: true },
    peers: [
      { node: "edge2.acme.catalyst.internal", address: "127.0.0.1:1" },
      { node: "edge1.globex.catalyst.internal", trust: { file: "globex.pem" } },
    ],
  };
  const wrong = async (): Promise<{ code: number; rows: unknown[] }> => {
    writeFileSync(join(cwd, "catalyst.json"), JSON.stringify(config));
    const { code, stdout } = await catalyst("check --pre --json", place);
    const rows = JSON.parse(stdout) as { name: string; ok: boolean; severity: string; hint?: string }[];
    return {
      code,
      rows: rows.filter(({ ok }) => !ok).map(({ name, severity, hint }) => [name, severity, hint]),
    };
  };
  assert.deepEqual(await wrong(), {
    code: 79,
    rows: [
      ["peer", "fatal", "--peer-listen HOST:PORT"],
      ["control", "fatal", "--control-listen HOST:PORT"],
      ["egress", "warning", "--egress-listen HOST:PORT"],
      ["files", "fatal", undefined],
    ],
  });
  writeFileSync(join(cwd, "globex.pem"), "");
  config.peer.listen = "127.0.0.1:0";
  config.control.listen = "127.0.0.1:0";
  assert.deepEqual(await wrong(), { code: 0, rows: [["egress", "warning", "--egress-listen HOST:PORT"]] });
});
