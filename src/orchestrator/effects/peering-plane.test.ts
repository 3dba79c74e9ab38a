// An import that the graph still uses goes after it, over the real configurator and xDS server; without an Envoy, for what counts is
// what is published. What Envoy makes of it: test/scenarios/plane.test.ts and test/e2e/peering-graph.test.ts.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { createOrganizationCa, issueNodeCertificate } from "#auth";
import { controlPlane } from "#envoy";
import type { BatchRunner, RunnerContext } from "#kernel";
import type { EnvoyImportWant, PeeringEffect } from "#routing";
import { VirtualClock } from "../../../test/kit/virtual-clock.ts";
import { systemClock } from "../ports.ts";
import { PeeringPlane } from "./peering-plane.ts";

const GLOBEX = "globex.test";
const REVIEWS = `reviews.${GLOBEX}`;
const FILES = `files.${GLOBEX}`;
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

const want = (service: string): EnvoyImportWant => ({
  service,
  protocol: "http",
  paths: [{ node: `edge1.${GLOBEX}`, organization: GLOBEX, address: "127.0.0.1:1" }],
});

/** Reviews and Files are imported, and the graph uses what is in `used`. */
async function plane(t: TestContext, ...used: readonly string[]) {
  const dir = mkdtempSync(join(tmpdir(), "catalyst-plane-"));
  mkdirSync(join(dir, "certs"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const authority = async (name: string) => {
    const dataDir = join(dir, name);
    mkdirSync(join(dataDir, "certs"), { recursive: true });
    return await createOrganizationCa({ dataDir, organization: name, clock: systemClock });
  };
  const [ca, theirs] = [await authority("acme.test"), await authority(GLOBEX)];
  const own = await issueNodeCertificate({ dataDir: dir, node: "edge1.acme.test", ca, clock: systemClock });
  const file = (name: string, text: string): string => {
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  };
  const control = await controlPlane();
  const server = new control.XdsServer({ log: silent });
  const clock = new VirtualClock();
  const waiting: (() => void)[] = [];
  const made = new PeeringPlane({
    configurator: new control.PeeringConfigurator(server),
    base: { node: "edge1.acme.test", egress: { address: "127.0.0.1", port: 1 } },
    clock,
    opened: () => Promise.resolve(),
    began: () => {},
    moved: () => {},
    failed: (error) => assert.fail(String(error)),
    graph: {
      uses: (service) => used.includes(service),
      left: () => new Promise((resolve) => void waiting.push(resolve)),
    },
  });
  t.after(() => made.stop());
  const context: RunnerContext = {
    clock,
    random: { next: () => 0 },
    log: silent,
    emit: () => {},
    revision: 1,
  };
  const run = async (...effects: readonly PeeringEffect[]): Promise<void> => {
    // Of this kind by contract, as the kernel hands them over.
    const runner = made.runners[effects[0]?.kind ?? ""] as BatchRunner<PeeringEffect>;
    await runner.batch(effects, context, new AbortController().signal);
  };
  const keyFile = join(dir, "keys/node.key");
  const certificate = { certificateFile: file("own.pem", own.certificatePem), keyFile, hash: "1" };
  await run({ kind: "envoy.node-cert", key: "node", want: certificate });
  const trust = { organization: GLOBEX, nodes: [`edge1.${GLOBEX}`], hash: "1" };
  const trusted = { ...trust, file: file("globex.pem", theirs.certificatePem) };
  await run({ kind: "envoy.trust", key: GLOBEX, want: trusted });
  const set = (service: string, wanted = true): PeeringEffect => {
    return { kind: "envoy.import", key: service, want: wanted ? want(service) : undefined };
  };
  await run(set(REVIEWS), set(FILES));
  const published = (): string[] =>
    [...server.resources()]
      .flatMap(({ type, name }) => (type === "route" && name.startsWith("egress/") ? [name] : []))
      .sort();
  const left = async (at: number): Promise<void> => {
    waiting[at]?.();
    for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
  };
  return { run, set, published, left, waiting };
}

const BOTH = [`egress/${FILES}`, `egress/${REVIEWS}`];

test("an import that the graph uses goes when the graph let go of it, any other one at once", async (t) => {
  const { run, set, published, left } = await plane(t, REVIEWS);
  assert.deepEqual(published(), BOTH);
  await run(set(REVIEWS, false), set(FILES, false));
  assert.deepEqual(published(), [`egress/${REVIEWS}`]);
  await left(0);
  assert.deepEqual(published(), []);
});

test("one that is wanted again meanwhile stays, and goes with its last removal only", async (t) => {
  const { run, set, published, left, waiting } = await plane(t, REVIEWS);
  await run(set(REVIEWS, false));
  await run(set(REVIEWS));
  await left(0);
  assert.deepEqual(published(), BOTH);
  await run(set(REVIEWS, false));
  await run(set(REVIEWS));
  await run(set(REVIEWS, false));
  assert.equal(waiting.length, 3);
  await left(1);
  assert.deepEqual(published(), BOTH);
  await left(2);
  assert.deepEqual(published(), [`egress/${FILES}`]);
});
