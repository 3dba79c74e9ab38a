// Spans of a request: which there are, how they hang together, and that the services of the own organization, and only those,
// hear of them. Spans are noted down here in place of being exported; the header is what a real service receives.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Span, Tracing } from "#telemetry";
import { Bench, FEDERATION } from "../kit.common-case.ts";

interface Noted {
  readonly name: string;
  readonly parent: string | undefined;
  readonly attributes: Record<string, unknown>;
  failed?: string;
  ended: number;
}

const TRACE = "0af7651916cd43dd8448eb211c80319c";

/** Traces what the caller's header asks for. */
function noting(): { readonly spans: Noted[]; readonly tracing: Tracing } {
  const spans: Noted[] = [];
  const begin = (name: string, parent: string | undefined, attributes: object = {}): Span => {
    const noted: Noted = { name, parent, attributes: { ...attributes }, ended: 0 };
    const spanId = String(spans.push(noted)).padStart(16, "0");
    return {
      traceId: TRACE,
      traceparent: `00-${TRACE}-${spanId}-01`,
      child: (childName, _kind, more) => begin(childName, name, more),
      set: (key, value) => void (noted.attributes[key] = value),
      fail: (type) => void (noted.failed = type),
      end: () => void (noted.ended += 1),
    };
  };
  const start: Tracing["start"] = (name, _kind, traceparent, attributes) =>
    traceparent?.endsWith("-01") ? begin(name, undefined, attributes) : undefined;
  return { spans, tracing: { start } };
}

const products = {
  name: "products",
  sdl: `${FEDERATION} type Query { product: Product } type Product @key(fields: "id") { id: ID! }`,
  resolvers: { Query: { product: () => ({ id: "1" }) } },
  overrides: { headers: { forward: ["traceparent"], set: {} } },
};
const reviews = {
  name: "reviews",
  sdl: `${FEDERATION} type Product @key(fields: "id") { id: ID! stars: Int }`,
  resolvers: { Product: { __resolveReference: () => ({ id: "1", stars: 4 }) } },
};
const asked = { traceparent: `00-${TRACE}-b7ad6b7169203331-01` };

test("a traced request has its spans, and services continue them", async () => {
  const { spans, tracing } = noting();
  await using bench = await Bench.open({ tracing });
  const [first, second] = await bench.graph([products, reviews]);
  const query = "{ product { id stars } }";
  assert.deepEqual((await bench.query(query, {}, asked)).data, { product: { id: "1", stars: 4 } });
  assert.deepEqual(
    spans.map(({ name, parent, ended }) => [name, parent, ended]),
    [
      ["graphql.request", undefined, 1],
      ["graphql.plan", "graphql.request", 1],
      ["graphql.fetch", "graphql.request", 1],
      ["graphql.fetch", "graphql.request", 1],
    ],
  );
  assert.deepEqual(spans[0]?.attributes, {
    "cache.hit": false,
    "graphql.operation.type": "query",
    "http.response.status_code": 200,
  });
  assert.deepEqual(spans[2]?.attributes, { subgraph: first?.service.name, peer: false, status: 200 });
  assert.equal(first?.requests.at(-1)?.headers["traceparent"], `00-${TRACE}-${"3".padStart(16, "0")}-01`);
  assert.equal(second?.requests.at(-1)?.headers["traceparent"], `00-${TRACE}-${"4".padStart(16, "0")}-01`);
  await bench.query(query, {}, asked);
  assert.equal(spans.filter(({ name }) => name === "graphql.plan").length, 1, "prepared before");
});

test("a request that is not traced has no span, and its header is forwarded as configured", async () => {
  const { spans, tracing } = noting();
  await using bench = await Bench.open({ tracing });
  const [first, second] = await bench.graph([products, reviews]);
  const unsampled = `00-${TRACE}-b7ad6b7169203331-00`;
  await bench.query("{ product { id stars } }", {}, { traceparent: unsampled });
  assert.deepEqual(spans, []);
  assert.equal(first?.requests.at(-1)?.headers["traceparent"], unsampled);
  assert.equal(second?.requests.at(-1)?.headers["traceparent"], undefined);
});

test("failures are on the span; another organization hears nothing of it", async () => {
  const { spans, tracing } = noting();
  await using bench = await Bench.open({ tracing });
  const foreign = await bench.subgraph({
    name: "far",
    kind: "graphql",
    sdl: "type Query { far: Int }",
    answer: () => ({ status: 503, body: "{}" }),
  });
  const terms = { organization: "other.catalyst.internal", prefix: "other", shared: [] };
  await bench.apply([{ ...foreign.service, foreign: terms }]);
  await bench.query("{ other_far }", {}, asked);
  const fetched = spans.find(({ name }) => name === "graphql.fetch");
  assert.deepEqual([fetched?.attributes["peer"], fetched?.failed], [true, "ERR_SUBGRAPH_STATUS"]);
  assert.equal(foreign.requests.at(-1)?.headers["traceparent"], undefined);
});
