// A request through the whole node is one trace: Envoy's spans and the gateway's, sent to one collector by both. What
// authenticates at the collector is in no log and no answer of the node.

import assert from "node:assert/strict";
import { test } from "node:test";
import { start as startProducts } from "../../examples/products/products.ts";
import { needs } from "../kit/needs.ts";
import { ask, catalyst, TestNode, until } from "../kit/node.ts";
import { otlpReceiver } from "../kit/otlp.ts";

test("client, Envoy, gateway, service: one trace at the collector", needs("envoy"), async (t) => {
  const receiver = await otlpReceiver(t);
  const products = await startProducts({ port: 0 });
  t.after(() => products.close());
  const node = await TestNode.start(t, {
    config: {
      services: [{ name: "products", protocol: "http:graphql", endpoint: products.url }],
      telemetry: {
        otlp: {
          endpoint: `http://127.0.0.1:${receiver.port}`,
          headers: { authorization: { env: "OTLP_KEY" } },
          interval: "200ms",
        },
        sampling: 1,
      },
    },
    env: { OTLP_KEY: "Bearer s3cr3t-of-the-collector" },
  });
  const token = await node.token();
  await until("answered", async () => (await ask(node.ingress, token, "{ __typename }")).status === 200);
  await until("one trace", () => {
    const spans = receiver.spans();
    return spans.some(({ part, parentId, traceId }) => {
      const parent = spans.find(({ spanId }) => spanId === parentId);
      return part === "gateway" && parent?.part === "envoy" && parent.traceId === traceId;
    });
  });
  await until("metrics of all", () => {
    const parts = new Set(receiver.metrics().map(({ part }) => part));
    return ["auth", "envoy", "gateway", "orchestrator"].every((part) => parts.has(part));
  });
  for (const { headers } of receiver.exports)
    assert.equal(headers["authorization"], "Bearer s3cr3t-of-the-collector");
  const config = await catalyst(["envoy", "config", "--json", "--data-dir", node.dataDir]);
  assert.match(config.out, /otlp-header:authorization/);
  for (const text of [config.out, node.log]) assert.doesNotMatch(text, /s3cr3t/);
});
