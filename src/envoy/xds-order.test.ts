// In which order a publication goes out, and what need not wait for an answer: make before break, in as few round trips as that
// takes. The client is one that says exactly what a test tells it to.

import assert from "node:assert/strict";
import { test } from "node:test";
import { needs } from "../../test/kit/needs.ts";
import type { Scope } from "./testing.ts";
import { names, open, set, settle } from "./xds-server.common-case.ts";
import type { Change, ResourceType } from "./xds/index.ts";

/** An Envoy that has asked for everything there is, and for one name of what is asked for by name. */
async function connected(t: Scope) {
  const { server, client } = await open(t, [
    set("route", "first", "1"),
    set("cluster", "first", "1", ["endpoint/first"]),
    set("endpoint", "first", "1"),
  ]);
  const envoy = client();
  envoy.send({ type: "cluster" });
  await envoy.accept();
  envoy.send({ type: "scope" });
  await envoy.accept();
  for (const type of ["endpoint", "route"] as const) {
    envoy.send({ type, subscribe: ["first"] });
    await envoy.accept();
  }
  await settle(server, envoy);
  return { server, envoy };
}

const added = (text = "1"): Change[] => [
  { ...set("cluster", "c", text, ["endpoint/c"]), atOnce: true },
  { ...set("endpoint", "c", text), atOnce: true },
  set("scope", "s", text, ["route/r"]),
  set("route", "r", text, ["cluster/c"]),
];

test(
  "what stands when it is read goes out in one breath, and what it names behind it",
  needs("envoy"),
  async (t) => {
    const { server, envoy } = await connected(t);
    const published = server.publish(added());
    const told = [await envoy.next(), await envoy.next(), await envoy.next(), await envoy.next()];
    assert.deepEqual(
      told.map(({ type, resources }) => `${type} ${Object.keys(resources).join()}`),
      ["cluster c", "endpoint c", "scope s", "route r"],
    );
    const nonceOf = (type: ResourceType): string => told.find((each) => each.type === type)?.nonce ?? "";
    // Asked for before the answer: what is under way is what was asked for.
    envoy.send({ type: "endpoint", subscribe: ["c"] });
    for (const type of ["cluster", "endpoint", "scope"] as const) envoy.send({ type, nonce: nonceOf(type) });
    await settle(server, envoy);
    assert.equal(envoy.waiting, 0);
    // Asked for with the answer: nobody knows whether it was read before or after.
    envoy.send({ type: "route", subscribe: ["r"], nonce: nonceOf("route") });
    assert.deepEqual(names(await envoy.accept()), ["r"]);
    const { outcomes } = await published;
    assert.deepEqual(new Set([...outcomes.values()].map(({ state }) => state)), new Set(["acknowledged"]));
  },
);

test("routes wait for a cluster that has to wait itself", needs("envoy"), async (t) => {
  const { server, envoy } = await connected(t);
  const [one, two] = [server.publish([set("cluster", "other", "1")]), server.publish([])];
  const other = await envoy.next();
  const published = server.publish(added());
  await settle(server, envoy);
  assert.equal(envoy.waiting, 0, "one answer of a type is to come at a time");
  envoy.send({ type: "cluster", nonce: other.nonce });
  const told = [await envoy.next(), await envoy.next()];
  assert.deepEqual(
    told.map(({ type }) => type),
    ["cluster", "endpoint"],
  );
  await settle(server, envoy);
  assert.equal(envoy.waiting, 0, "routes that name it are not there yet");
  envoy.send({ type: "endpoint", subscribe: ["c"] });
  for (const { type, nonce } of told) envoy.send({ type, nonce });
  assert.deepEqual(names(await envoy.accept()), ["s"]);
  envoy.send({ type: "route", subscribe: ["r"] });
  assert.deepEqual(names(await envoy.accept()), ["r"]);
  await Promise.all([one, two, published]);
});

test(
  "a route that went out behind a refused cluster goes back to what was good",
  needs("envoy"),
  async (t) => {
    const { server, envoy } = await connected(t);
    const version = [...server.resources()].find(
      ({ name, type }) => name === "first" && type === "route",
    )?.version;
    const published = server.publish([
      { ...set("cluster", "c", "1"), atOnce: true },
      set("route", "first", "2", ["cluster/c"]),
    ]);
    const [cluster, route] = [await envoy.next(), await envoy.next()];
    assert.deepEqual([cluster.type, route.type], ["cluster", "route"]);
    envoy.send({ type: "route", nonce: route.nonce });
    await settle(server, envoy);
    envoy.send({ type: "cluster", nonce: cluster.nonce, error: "no" });
    assert.deepEqual((await envoy.accept()).resources, { first: version });
    const { outcomes } = await published;
    assert.equal(outcomes.get("route/first")?.state, "refused");
    assert.equal(outcomes.get("cluster/c")?.state, "refused");
  },
);
