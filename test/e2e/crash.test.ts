import assert from "node:assert/strict";
import { createServer } from "node:http";
import { connect } from "node:net";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { needs } from "../kit/needs.ts";
import { ask, get, lives, Load, pause, processesOf, TestNode, until } from "../kit/node.ts";
import { QUERY, twoServices } from "../kit/two-services.ts";

/** A node that serves one GraphQL and one HTTP service. */
async function serving(t: TestContext): Promise<{ node: TestNode; token: string; files: string }> {
  const node = await TestNode.start(t, { config: await twoServices(t) });
  const token = await node.token();
  const files = `${node.ingress}/files/`;
  await until("both served", async () => {
    const graph = await ask(node.ingress, token, QUERY);
    return graph.text.includes("kettle") && (await get(files, token)).status === 200;
  });
  return { node, token, files };
}

for (const part of ["gateway", "auth", "envoy", "orchestrator"] as const)
  test(`the whole service is back after kill -9 of ${part} under load`, needs("envoy"), async (t) => {
    const { node, token, files } = await serving(t);
    const graph = new Load(2, () => ask(node.ingress, token, QUERY));
    const http = new Load(2, () => get(files, token));
    await until("under load", () => graph.done > 10 && http.done > 10);
    const before = await node.part(part);
    assert.ok(before.pid !== undefined);
    process.kill(before.pid, "SIGKILL");
    await until(`${part} is back`, async () => {
      const now = await node.part(part).catch(() => undefined);
      return now !== undefined && now.state === "ready" && now.pid !== before.pid && now.restarts === 1;
    });
    await until("the graph answers", async () => {
      return (await ask(node.ingress, token, QUERY).catch(() => undefined))?.text.includes("kettle") === true;
    });
    // Longer than a restarted orchestrator needs to publish anew: nothing it sends may take something away.
    await pause(1_500);
    await Promise.all([graph.stop(), http.stop()]);
    if (part === "orchestrator" || part === "auth") {
      assert.deepEqual(graph.failures, []);
      assert.deepEqual(http.failures, []);
    }
    if (part === "gateway") assert.deepEqual(http.failures, []);
    await until("health ok", async () => (await node.call("status", {})).health === "ok");
    const fresh = await node.token();
    await until("new tokens are taken", async () => (await get(files, fresh)).status === 200);
  });

test("kill -9 of the supervisor leaves nothing behind", needs("envoy"), async (t) => {
  const { node } = await serving(t);
  const all = processesOf(node.folder);
  assert.equal(all.length, 5, "supervisor, three parts, Envoy");
  await node.signal("SIGKILL");
  await until("all gone", () => all.every((pid) => !lives(pid)));
  const again = await TestNode.start(t, { folder: node.folder });
  assert.equal((await again.call("status", {})).health, "ok");
});

test(
  "SIGTERM with clients attached: requests in flight are answered, and it ends in time",
  needs("envoy"),
  async (t) => {
    let release = (): void => {};
    const slow = createServer((_, response) => {
      release = () => response.end("at last");
    });
    await new Promise<void>((resolve) => slow.listen(0, "127.0.0.1", resolve));
    t.after(() => {
      slow.closeAllConnections();
      slow.close();
    });
    const endpoint = `http://127.0.0.1:${(slow.address() as AddressInfo).port}`;
    const node = await TestNode.start(t, {
      config: {
        drain: "2s",
        services: [
          { name: "slow", protocol: "http", endpoint, ingress: { prefix: "/slow" }, probe: { kind: "tcp" } },
        ],
      },
    });
    const token = await node.token();
    await until("routed", async () => (await node.call("service.show", { name: "slow" })).health === "up");
    const { hostname, port } = new URL(node.ingress);
    const idle = connect(Number(port), hostname);
    t.after(() => idle.destroy());
    idle.on("error", () => {});
    const answer = get(`${node.ingress}/slow/`, token);
    await until("in flight", () => release.name !== "" && release.toString().includes("at last"));
    const ending = node.signal("SIGTERM");
    await pause(500);
    release();
    assert.equal((await answer).text, "at last");
    assert.equal((await ending).code, 0);
    assert.deepEqual(processesOf(node.folder), []);
  },
);

test("the second signal ends it at once", needs("envoy"), async (t) => {
  const { node } = await serving(t);
  const { hostname, port } = new URL(node.ingress);
  const idle = connect(Number(port), hostname);
  t.after(() => idle.destroy());
  idle.on("error", () => {});
  await new Promise((resolve) => idle.once("connect", resolve));
  process.kill(node.pid, "SIGTERM");
  // Two signals that arrive together are one.
  await until("the first one is heard", () => node.log.includes("draining"));
  assert.equal((await node.signal("SIGTERM")).code, 143);
  await until("nothing left", () => processesOf(node.folder).length === 0);
});

test("two nodes never share a data directory", async (t) => {
  const config = { envoy: { disabled: true } };
  const node = await TestNode.start(t, { config });
  await assert.rejects(TestNode.start(t, { config, folder: node.folder }), /ERR_NODE_RUNNING/);
  assert.equal((await node.call("status", {})).health, "ok");
});
