// A part that hangs holds its sockets open and answers nothing, so only its supervisor can tell. Scenario `stuck-loop-is-unhealthy`
// (docs/internals/session.md section 10), with real parts and a real Envoy: each is stopped, is noticed, and is started anew.

import assert from "node:assert/strict";
import { test } from "node:test";
import { start as startProducts } from "../../examples/products/products.ts";
import { needs } from "../kit/needs.ts";
import { ask, TestNode, until } from "../kit/node.ts";

const PARTS = ["auth", "gateway", "orchestrator", "envoy"] as const;
const QUERY = "{ topProducts(first: 1) { name } }";

test(
  "stuck-loop-is-unhealthy: parts that hang are restarted, and the whole service is back",
  needs("envoy"),
  async (t) => {
    const products = await startProducts({ port: 0 });
    t.after(() => products.close());
    const node = await TestNode.start(t, {
      config: { services: [{ name: "products", protocol: "http:graphql", endpoint: products.url }] },
    });
    const token = await node.token();
    const answers = async (): Promise<boolean> =>
      (await ask(node.ingress, token, QUERY).catch(() => undefined))?.text.includes("kettle") === true;
    await until("the graph answers", answers);
    const before = new Map<string, number | undefined>();
    for (const name of PARTS) before.set(name, (await node.part(name)).pid);
    // All at once: none of them may be what notices another.
    for (const pid of before.values()) if (pid !== undefined) process.kill(pid, "SIGSTOP");
    for (const name of PARTS)
      await until(`${name} is back`, async () => {
        const now = await node.part(name).catch(() => undefined);
        return now?.state === "ready" && now.pid !== before.get(name) && now.restarts >= 1;
      });
    await until("the graph answers again", answers);
    assert.match(node.log, /gateway ended by SIGKILL: has not answered for 9 s/);
  },
);
