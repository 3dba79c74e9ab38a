// Auth is needed to make tokens, never to check them. Scenario `auth-restarts`: it hangs and dies under load; nobody who holds a
// token notices, and everything that needs it works again without an operator. How soon is a figure of `bench/node/recover.ts`.

import assert from "node:assert/strict";
import { test } from "node:test";
import { needs } from "../kit/needs.ts";
import { ask, get, Load, pause, TestNode, until } from "../kit/node.ts";
import { QUERY, twoServices } from "../kit/two-services.ts";

test(
  "auth-restarts: tokens are checked without it, and what needs it is back by itself",
  needs("envoy"),
  async (t) => {
    const node = await TestNode.start(t, { config: await twoServices(t) });
    const files = `${node.ingress}/files/`;
    const token = await node.token();
    const { key } = await node.call("apikey.create", { principal: "ci" });
    await until("all served", async () => {
      const graph = await ask(node.ingress, token, QUERY);
      return graph.text.includes("kettle") && (await get(files, key)).status === 200;
    });

    const graph = new Load(1, () => ask(node.ingress, token, QUERY));
    const http = new Load(1, () => get(files, token));
    for (let round = 1; round <= 2; round++) {
      const { pid } = await node.part("auth");
      assert.ok(pid !== undefined);
      // Away, with its sockets open: no answer, and no error either.
      process.kill(pid, "SIGSTOP");
      const [asked, got] = [graph.done, http.done];
      await until("requests go on without it", () => graph.done > asked + 20 && http.done > got + 20);
      process.kill(pid, "SIGKILL");
      // The orchestrator asks for tokens, keys and API keys on a session of before; Envoy exchanges API keys with auth itself.
      await until("tokens are made, and taken", async () => {
        const fresh = await node.token().catch(() => undefined);
        return fresh !== undefined && (await get(files, fresh)).status === 200;
      });
      await until("API keys are taken", async () => (await get(files, key)).status === 200);
      await until("it says so", async () => (await node.call("status", {})).health === "ok");
      assert.equal((await node.part("auth")).restarts, round);
    }
    // A key of after the restart reaches Envoy: what it follows auth by was renewed as well.
    await node.call("key.rotate", { now: true });
    const fresh = await node.token();
    await until("the new key is in force", async () => (await get(files, fresh)).status === 200);
    // Longer than what came with the restart needs to arrive: none of it may take the old token away.
    await pause(500);
    await Promise.all([graph.stop(), http.stop()]);
    assert.deepEqual([graph.failures, http.failures], [[], []]);
  },
);
