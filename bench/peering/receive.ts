// The side that is measured, in a process of its own: processor time of a received route from the socket to the committed table, between
// "the session is up" and "both sides know all". Says by message where it listens, then what it took.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Rule } from "#routing";
import { newWorld } from "../../src/orchestrator/peering/wire/wire.common-case.ts";
import { benchNode } from "./node.ts";

export interface ReceiveOrder {
  readonly count: number;
  readonly journal: boolean;
}

export interface Received {
  readonly us: number;
  readonly seconds: number;
  readonly paths: number;
}

/** A hundred rules about single names, and the one that lets the rest in. */
const RULES: readonly Rule[] = [
  ...Array.from({ length: 100 }, (_, i): Rule => ({
    match: { key: `no${i}.globex.test` },
    action: "reject",
  })),
  { match: { key: "*.globex.test" }, action: "accept", set: { localPreference: 120 } },
];
/** The store writes at most this much later. */
const WRITE_MS = 150;

const { count, journal } = JSON.parse(process.argv[2] ?? "") as ReceiveOrder;
const world = await newWorld();
const folder = mkdtempSync(join(tmpdir(), "catalyst-bench-"));
const [acme, globex] = [await world.node("edge1.acme.test"), await world.node("edge1.globex.test")];
let began = process.cpuUsage();
let since = performance.now();
const file = journal ? join(folder, "learned.db") : undefined;
const node = await benchNode(acme, file, (kind, text) => {
  if (kind === "peer.down") console.error(`receiver: ${text}`);
  if (kind === "peer.up") {
    began = process.cpuUsage();
    since = performance.now();
  }
  if (kind === "peer.synced") void done();
});
await node.rules(RULES, []);
await node.peer({ node: globex.node, organization: "globex.test", trust: await world.trust("globex.test") });
const { port } = await node.wire.listen({ host: "127.0.0.1", port: 0 }, node.driver.knock);
node.driver.start();
const trust = await world.trust("acme.test");
const peer = { node: acme.node, organization: "acme.test", trust, address: `127.0.0.1:${port}` };
process.send?.({ identity: globex, count, peer });

async function done(): Promise<void> {
  const seconds = (performance.now() - since) / 1_000;
  await sleep(WRITE_MS);
  const { user, system } = process.cpuUsage(began);
  const paths = node.loop.view.routes.names;
  const said: Received = { us: (user + system) / count, seconds, paths };
  rmSync(folder, { recursive: true });
  await world[Symbol.asyncDispose]();
  process.send?.(said);
}
