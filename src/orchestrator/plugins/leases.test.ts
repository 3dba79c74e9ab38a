// Services that register themselves: replicas, renewal, moving, and the end by the tick.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Input } from "#kernel";
import type { Event, ServiceIntent } from "#routing";
import { full, inFile, intent, nodeLoop, probed } from "../../../test/kit/node-loop.ts";

const A = "http://127.0.0.1:5001";
const B = "http://127.0.0.1:5002";

const register = (
  lease: string,
  url: string,
  notAfter: number,
  rest: Partial<ServiceIntent> = {},
  name = "books",
): Input<Event> => ({
  kind: "lease.register",
  at: 100,
  lease,
  notAfter,
  intent: intent(name, { endpoints: [url], ...rest }),
});

const urls = (node: ReturnType<typeof nodeLoop>) => node.service("books")?.endpoints.map(({ url }) => url);

describe("leases", () => {
  test("replicas are endpoints of one service; it goes with the last", () => {
    const node = nodeLoop();
    node.step(register("one", A, 1_000), register("two", B, 2_000));
    assert.deepEqual(urls(node), [A, B]);
    assert.equal(node.service("books")?.owner.kind, "sdk");
    node.step({ kind: "lease.end", lease: "one" });
    assert.deepEqual(urls(node), [B]);
    node.step({ kind: "lease.end", lease: "two" });
    assert.equal(node.service("books"), undefined);
    assert.equal(node.refusal({ kind: "lease.end", lease: "two" })?.code, "ERR_NOT_FOUND");
  });

  test("end by the tick, together or one by one", () => {
    const node = nodeLoop();
    node.step(register("one", A, 1_000), register("two", B, 2_000), register("x", A, 1_500, {}, "other"));
    assert.equal(node.step({ kind: "tick", at: 999 }).commit, undefined);
    node.step({ kind: "tick", at: 1_000 });
    assert.deepEqual(urls(node), [B]);
    node.step({ kind: "tick", at: 9_000 });
    assert.equal(node.loop.view.services.size, 0);
    assert.deepEqual(node.wants("probe"), {});
  });

  test("a renewal moves the end only: health stays, what it says of the service does not count", () => {
    const node = nodeLoop();
    node.step(register("one", A, 1_000, { labels: { v: "1" } }));
    node.step(probed("books", A, true));
    node.step(register("one", A, 5_000, { labels: { v: "2" } }));
    const [endpoint] = node.service("books")?.endpoints ?? [];
    assert.deepEqual(endpoint, { url: A, health: "up", streak: 0, lease: { id: "one", notAfter: 5_000 } });
    assert.deepEqual(node.service("books")?.labels, { v: "1" });
    assert.equal(node.step({ kind: "tick", at: 1_000 }).commit, undefined);
    assert.equal(node.step(register("one", A, 5_000)).commit, undefined, "nothing new, no revision");
    node.step(register("two", B, 5_000, { labels: { v: "2" } }));
    assert.deepEqual(node.service("books")?.labels, { v: "2" }, "a new replica speaks for the service");
  });

  test("a process that came back takes its address over, and its old lease is void", () => {
    const node = nodeLoop();
    node.step(register("old", A, 1_000), probed("books", A, true));
    node.step(register("new", A, 2_000));
    assert.equal(node.service("books")?.health, "up");
    assert.equal(node.loop.view.lease("old"), undefined);
    assert.equal(node.step({ kind: "tick", at: 1_500 }).commit, undefined);
  });

  test("the same lease for another address or service moves it", () => {
    const node = nodeLoop();
    node.step(register("one", A, 1_000));
    node.step(register("one", B, 1_000));
    assert.deepEqual(urls(node), [B]);
    node.step(register("one", B, 1_000, {}, "other"));
    assert.equal(node.service("books"), undefined);
    assert.deepEqual(node.loop.view.lease("one")?.service, full("other"));
  });

  test("no lease holds longer than a day", () => {
    const node = nodeLoop();
    node.step(register("one", A, Number.MAX_SAFE_INTEGER));
    node.step({ kind: "tick", at: 100 + 86_400_000 });
    assert.equal(node.service("books"), undefined);
  });

  test("another owner's name, another protocol or path, two endpoints, and the past are refused", () => {
    const node = nodeLoop();
    node.step({ kind: "config.services", services: [intent("mine", { owner: inFile(3) })] });
    node.step(register("one", A, 1_000));
    const code = (event: Input<Event>) => node.refusal(event)?.code;
    assert.equal(code(register("x", B, 1_000, {}, "mine")), "ERR_OWNED_BY_CONFIG");
    assert.equal(code(register("x", B, 1_000, { protocol: "http:graphql" })), "ERR_SERVICE_CONFLICT");
    assert.equal(code(register("x", `${B}/v2`, 1_000)), "ERR_INVALID_ARGUMENT");
    assert.equal(code(register("x", B, 1_000, { endpoints: [A, B] })), "ERR_INVALID_ARGUMENT");
    assert.equal(code(register("x", B, 100)), "ERR_INVALID_ARGUMENT");
    assert.deepEqual(urls(node), [A]);
  });
});
