// Nodes' sessions over real sockets with real certificates: three in a line across two organizations.

import assert from "node:assert/strict";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { createOrganizationCa } from "#auth";
import { Loop } from "#kernel";
import { type NodeTypes, organizationOf, State } from "#routing";
import { intent } from "../../../test/kit/node-loop.ts";
import { ACCEPT_ALL, peering } from "../../../test/kit/peer-node.ts";
import { builtInPlugins } from "../plugins/index.ts";
import { systemClock, systemRandom } from "../ports.ts";
import { sha256 } from "../store/store.ts";
import { Exports } from "./exports.ts";
import { Running } from "./running.ts";

const SDL = `type Query { product: String } # ${"x".repeat(300_000)}`;
const silent = { debug() {}, info() {}, warn() {}, error() {} };

async function until(what: string, done: () => boolean): Promise<void> {
  const end = performance.now() + 30_000;
  while (!done()) {
    if (performance.now() > end) throw new Error(`did not happen: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Each organization has a CA; its nodes share it by copy, as an operator does. */
async function authority(root: string, organization: string): Promise<string> {
  const dataDir = join(root, organization);
  mkdirSync(dataDir, { mode: 0o700 });
  await createOrganizationCa({ dataDir, organization, clock: systemClock });
  return dataDir;
}

async function nodeAt(t: TestContext, root: string, name: string) {
  const organization = organizationOf(name);
  const dataDir = join(root, name);
  cpSync(join(root, organization), dataDir, { recursive: true });
  chmodSync(join(dataDir, "keys"), 0o700);
  const ports = { clock: systemClock, random: systemRandom, log: silent };
  const loop = new Loop<NodeTypes>({
    store: new State(name),
    plugins: builtInPlugins(),
    ports,
    schedule: (run) => void setImmediate(run),
  });
  const exports = new Exports({ node: name, organization, address: "127.0.0.1:10443" }, loop.view);
  const running = await Running.open({
    ports,
    loop,
    exports,
    certificate: { node: name, organization, dataDir, tls: undefined, clock: systemClock },
    listen: { host: "127.0.0.1", port: 0 },
    file: join(dataDir, "learned.db"),
    content: (hash) => (hash === sha256(SDL) ? SDL : undefined),
    say: () => {},
  });
  t.after(async () => {
    await running.stop();
    await loop.stop();
  });
  await running.start();
  assert.deepEqual(running.problems, []);
  const rules = {
    imports: ACCEPT_ALL,
    exports: ACCEPT_ALL.map((rule) => ({ ...rule, set: { scope: "transitive" as const } })),
  };
  await loop.submit({ kind: "rules.set", rules });
  return { name, loop, running, driver: running.driver };
}
type Node = Awaited<ReturnType<typeof nodeAt>>;

async function meet(root: string, a: Node, b: Node, role: "customer" | "lateral"): Promise<void> {
  const trust = (name: string): string =>
    readFileSync(join(root, organizationOf(name), "certs/trust.pem"), "utf8");
  const side = async (from: Node, to: Node, seen: "customer" | "provider" | "lateral"): Promise<void> => {
    const terms = { ...peering(from.name, to.name), address: `127.0.0.1:${to.running.port}` };
    const external = terms.kind === "external";
    const given = external ? { ...terms, role: seen } : terms;
    const { organization } = terms;
    await from.driver.configure(given, { node: to.name, organization, trust: trust(to.name), external });
  };
  await side(a, b, role);
  await side(b, a, role === "customer" ? "provider" : role);
}

const synced = (node: Node, peer: Node): boolean => {
  const phase = node.driver.report(peer.name)?.session.phase;
  return phase?.state === "established" && phase.syncedAt !== undefined;
};

test("three in a line: routes pass through the middle, a broken link comes back, contents are fetched", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "catalyst-sockets-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  for (const organization of ["acme.test", "globex.test"]) await authority(root, organization);
  const a = await nodeAt(t, root, "a.acme.test");
  const b = await nodeAt(t, root, "b.acme.test");
  const c = await nodeAt(t, root, "c.globex.test");
  await meet(root, a, b, "lateral");
  await meet(root, b, c, "customer");
  await until("both sessions", () => synced(a, b) && synced(b, a) && synced(b, c) && synced(c, b));

  const KEY = "products.acme.test";
  const url = "http://127.0.0.1:1";
  a.loop.push({ kind: "service.add", intent: intent(KEY, { protocol: "http:graphql", endpoints: [url] }) });
  a.loop.push({ kind: "probe.result", service: KEY, endpoint: url, ok: true });
  a.loop.push({
    kind: "schema.read",
    service: KEY,
    result: { ok: true, hash: sha256(SDL), kind: "graphql" },
  });
  const hash = () => c.loop.view.routes.best(KEY)?.[0]?.attributes.schema;
  await until("the route at the end of the line", () => hash() === sha256(SDL));
  assert.deepEqual(c.loop.view.routes.best(KEY)?.[0]?.course.nodePath, [b.name, a.name]);

  assert.equal(await c.running.fetch(b.name, sha256(SDL)), SDL);
  await assert.rejects(c.running.fetch(b.name, sha256("something else")), /no content/);

  const before = b.driver.report(a.name)?.session.flaps ?? 0;
  b.driver.connection(a.name)?.link?.close("pulled");
  await until("the break", () => (b.driver.report(a.name)?.session.flaps ?? 0) > before);
  await until("back", () => synced(a, b) && synced(b, a));
  assert.equal(b.loop.view.routes.best(KEY)?.[0]?.stale, false);
  assert.equal(b.driver.report(a.name)?.repairs, 0);
});
