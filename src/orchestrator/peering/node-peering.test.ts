// The peering of a node as the rest of it sees it, with real sessions between two nodes of two organizations: what is changed by hand,
// what the configuration says, what is told when it does not work, and in which order it begins and ends.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { createOrganizationCa } from "#auth";
import { loadConfig, paths, type PeerConfig, resolveNode } from "#config";
import { Loop } from "#kernel";
import { type EnvoyNodeCertWant, type NodeTypes, type Owner, State } from "#routing";
import { ACCEPT_ALL } from "../../../test/kit/peer-node.ts";
import { intent } from "../../../test/kit/node-loop.ts";
import { until } from "../../../test/kit/node.ts";
import { builtInPlugins } from "../plugins/index.ts";
import { systemClock, systemRandom } from "../ports.ts";
import { sha256, Store } from "../store/store.ts";
import { Exports } from "./exports.ts";
import { NodePeering } from "./node-peering.ts";

const SDL = "type Query { product: String }";
const HERE = "127.0.0.1:0";
const DAY = 24 * 3_600_000;
const owners = (list: readonly unknown[]): Owner[] =>
  list.map((_, at) => ({ kind: "config", file: "catalyst.json", line: at + 1 }));

interface Some {
  /** Beside organization, node and data directory. */
  readonly config?: object;
  /** Without a CA there is no certificate. */
  readonly ca?: false;
  /** Of an earlier life. */
  readonly folder?: string;
}

/** A node called "n" of that organization; nothing is done yet. */
async function place(t: TestContext, organization: string, { config: more, ca, folder }: Some = {}) {
  const dataDir = folder ?? mkdtempSync(join(tmpdir(), "catalyst-node-peering-"));
  if (ca !== false && folder === undefined)
    await createOrganizationCa({ dataDir, organization, clock: systemClock });
  const file = join(dataDir, "catalyst.json");
  writeFileSync(file, JSON.stringify({ organization, node: "n", dataDir, ...more }));
  const { config } = await loadConfig({ files: [file], env: {}, flags: [] });
  const { peers, imports, exports } = config;
  const boot = {
    ...{ version: "0", run: "r", ingress: "", baseDir: dataDir, origin: {} },
    config,
    owners: { services: [], peers: owners(peers), imports: owners(imports), exports: owners(exports) },
    names: resolveNode(config),
    paths: paths(config),
    envoy: { absent: "", wanted: false },
  };
  const warned: string[] = [];
  const looks: (() => void)[] = [];
  const after = (ms: number, run: () => void) => {
    if (ms < DAY) return systemClock.after(ms, run);
    looks.push(run);
    return () => {};
  };
  const warn = (_: object, text: string): void => void warned.push(text);
  const log = { debug() {}, info() {}, error() {}, warn };
  const ports = { clock: { ...systemClock, after }, random: systemRandom, log };
  const plugins = builtInPlugins();
  const loop = new Loop<NodeTypes>({
    store: new State(boot.names.node),
    plugins,
    ports,
    schedule: setImmediate,
  });
  const store = new Store(join(dataDir, "state.db"), () => 1);
  const said: string[] = [];
  const peering = new NodePeering({
    ...{ boot, ports, loop, store },
    content: (hash) => (hash === sha256(SDL) ? SDL : undefined),
    say: (level, kind, text) => void said.push(`${level} ${kind}: ${text}`),
  });
  const trust = () => readFileSync(join(dataDir, "certs/trust.pem"), "utf8");
  const end = async (): Promise<void> => {
    await peering.stop();
    await loop.stop();
    store.close();
  };
  let ended: Promise<void> | undefined;
  /** Once; whoever runs on ends with the test. */
  const stop = (): Promise<void> => (ended ??= end());
  t.after(async () => {
    await stop();
    rmSync(dataDir, { recursive: true, force: true });
  });
  return { dataDir, peering, loop, said, warned, looks, store, trust, stop, name: boot.names.node };
}
type Node = Awaited<ReturnType<typeof place>>;

/** Runs until the test ends. */
async function running(t: TestContext, organization: string, some: Some = {}): Promise<Node> {
  const node = await place(t, organization, some);
  await node.peering.remember();
  await node.peering.begin();
  return node;
}

const peer = (node: string, rest: Partial<PeerConfig> = {}): PeerConfig => ({
  node,
  onLoss: "depreference",
  limits: {},
  ...rest,
});
const synced = ({ peering }: Node, node: string): boolean => {
  const phase = peering.peer(node)?.report?.session.phase;
  return phase?.state === "established" && phase.syncedAt !== undefined;
};
const [ACME, GLOBEX] = ["n.acme.test", "n.globex.test"];

/** Two that added each other by hand; acme dials, and nobody can dial acme. */
async function two(t: TestContext) {
  const acme = await running(t, "acme.test");
  const globex = await running(t, "globex.test", { config: { control: { listen: HERE } } });
  await globex.peering.add(peer(ACME), acme.trust());
  const address = globex.peering.status().listens ?? assert.fail("globex does not listen");
  await acme.peering.add(peer(GLOBEX, { address }), globex.trust());
  await until("both are synced", () => synced(acme, GLOBEX) && synced(globex, ACME));
  return { acme, globex, address };
}

describe("by hand", () => {
  test("two nodes become peers: status, records, contents, one more telling, the end", async (t) => {
    const { acme, globex, address } = await two(t);
    assert.deepEqual(acme.peering.status(), {
      ...{
        listens: acme.peering.status().listens,
        proven: true,
        peers: 1,
        established: 1,
        synced: 1,
        problems: [],
      },
    });
    const state = acme.peering.peer(GLOBEX);
    assert.equal(state?.remote, address);
    assert.ok((state?.certificateEnds ?? 0) > Date.now());
    assert.deepEqual([state?.owner, state?.limit], [{ kind: "admin" }, undefined]);

    // A content goes to who is told of a service with it, and to nobody else.
    const KEY = "products.globex.test";
    await acme.peering.addRule("imports", { match: { key: KEY }, action: "accept" });
    await globex.peering.addRule("exports", { match: { key: KEY }, action: "accept" });
    await assert.rejects(acme.peering.fetchBlob(GLOBEX, sha256(SDL)), { code: "ERR_NOT_FOUND" });
    const url = "http://127.0.0.1:1";
    globex.loop.push({
      kind: "service.add",
      intent: intent(KEY, { protocol: "http:graphql", endpoints: [url] }),
    });
    globex.loop.push({ kind: "probe.result", service: KEY, endpoint: url, ok: true });
    const result = { ok: true, hash: sha256(SDL), kind: "graphql" } as const;
    globex.loop.push({ kind: "schema.read", service: KEY, result });
    const best = () => acme.loop.view.routes.best(KEY)?.[0];
    await until("acme is told", () => best()?.attributes.schema === sha256(SDL));
    assert.equal(await acme.peering.fetchBlob(GLOBEX, sha256(SDL)), SDL);

    const before = acme.peering.peer(GLOBEX)?.report?.lastEndAt ?? 0;
    assert.equal((await acme.peering.refresh(GLOBEX)).intent.node, GLOBEX);
    await until("all is told again", () => (acme.peering.peer(GLOBEX)?.report?.lastEndAt ?? 0) > before);

    assert.equal((await acme.peering.down(GLOBEX, "for tonight")).intent.adminDown?.reason, "for tonight");
    await until("globex heard it", () =>
      /for tonight/.test(globex.peering.peer(ACME)?.report?.session.last?.text ?? ""),
    );
    await assert.rejects(acme.peering.refresh(GLOBEX), { code: "ERR_NOT_FOUND", hint: /peer show/ });
    assert.equal((await acme.peering.up(GLOBEX)).intent.adminDown, undefined);

    assert.equal(await acme.peering.remove(GLOBEX), acme.loop.view.revision);
    assert.deepEqual([acme.peering.peers(), acme.loop.view.routes.received(GLOBEX)], [[], undefined]);
    await assert.rejects(acme.peering.refresh(GLOBEX), { code: "ERR_NOT_FOUND", hint: "catalyst peer list" });
  });

  test("a change that cannot be is refused, and session, trust and what is stored stay", async (t) => {
    const { acme, globex, address } = await two(t);
    const [stored, intended] = [[...acme.store.peering()], acme.peering.peer(GLOBEX)?.intent];
    const wrong = acme.peering.add(peer(GLOBEX, { address, role: "internal" }), acme.trust());
    // The next one waits for it, and is not harmed by it.
    const next = acme.peering.add(peer("n.hooli.test"));
    await assert.rejects(wrong, { code: "ERR_INVALID_ARGUMENT" });
    assert.equal((await next).intent.node, "n.hooli.test");
    await acme.peering.remove("n.hooli.test");
    assert.deepEqual([[...acme.store.peering()], acme.peering.peer(GLOBEX)?.intent], [stored, intended]);
    await until("the session that the other trust ended is back by the trust of before", () => {
      const flaps = acme.peering.peer(GLOBEX)?.report?.session.flaps ?? 0;
      return flaps > 0 && synced(acme, GLOBEX) && synced(globex, ACME);
    });
    // One that is new and cannot be is not there.
    const fresh = acme.peering.add(peer("n.initech.test", { role: "internal" }));
    await assert.rejects(fresh, { code: "ERR_INVALID_ARGUMENT" });
    assert.equal(acme.peering.peer("n.initech.test"), undefined);
  });

  test("an equal one is no change, and changes are made one after the other", async (t) => {
    const acme = await running(t, "acme.test");
    const done: string[] = [];
    const add = (node: string) => acme.peering.add(peer(node)).then(() => done.push(node));
    await Promise.all([add("n.b.test"), add("n.a.test"), add("n.b.test")]);
    assert.deepEqual(done, ["n.b.test", "n.a.test", "n.b.test"]);
    const { revision } = acme.loop.view;
    await add("n.a.test");
    assert.equal(acme.loop.view.revision, revision);
    assert.deepEqual(
      acme.peering.peers().map(({ intent: { node } }) => node),
      ["n.a.test", "n.b.test"],
    );
    const rule = { match: { peer: "n.a.test" }, action: "accept", set: { localPreference: 9_999 } } as const;
    const { id } = await acme.peering.addRule("imports", rule);
    assert.match(acme.said.join("\n"), /warn rule\.problem: .*9999 is outside/);
    assert.deepEqual(acme.loop.view.rules.imports, [rule]);
    assert.equal((await acme.peering.removeRule("imports", id)).id, id);
    assert.deepEqual(acme.loop.view.rules.imports, []);
  });
});

describe("of the configuration", () => {
  test("peers and rules are in the state before any session begins, and what a restart remembers with them", async (t) => {
    const rule = { match: { key: "*.globex.test" }, action: "accept" };
    const config = { control: { listen: HERE }, imports: [rule] };
    const first = await place(t, "acme.test", { config });
    await first.peering.remember();
    await first.peering.add(peer(GLOBEX, { address: "127.0.0.1:1" }), first.trust());
    await first.peering.addRule("exports", ACCEPT_ALL[0] ?? assert.fail());
    await first.peering.down(GLOBEX, "for tonight");
    await first.stop();
    const again = await place(t, "acme.test", { config, folder: first.dataDir });
    await again.peering.remember();
    const { rules, routes } = again.loop.view;
    assert.deepEqual([rules.imports.length, rules.exports], [1, [ACCEPT_ALL[0]]]);
    assert.equal(routes.received(GLOBEX)?.terms.node, GLOBEX);
    assert.equal(again.peering.peer(GLOBEX)?.intent.adminDown?.reason, "for tonight");
    assert.equal(again.peering.status().listens, undefined, "nobody is let in yet");
    const own = again.loop.effects.wanted("envoy.node-cert", "node") as EnvoyNodeCertWant | undefined;
    assert.equal(own?.certificateFile, join(again.dataDir, "certs/node.pem"), "Envoy needs it before that");
    await again.peering.begin();
    assert.match(again.peering.status().listens ?? "", /^127\.0\.0\.1:\d+$/);
    const [line] = again.peering.rules("imports");
    await assert.rejects(again.peering.removeRule("imports", line?.id ?? ""), /catalyst\.json:1/);
  });

  test("one peer that cannot be is a problem, and the others are peers; without proof nobody is one", async (t) => {
    // Kept by an earlier version, which knew no better.
    const first = await place(t, "acme.test");
    const wrong = peer("n.initech.test", { role: "internal" });
    first.store.savePeering(`peer ${wrong.node}`, { peer: wrong, trust: first.trust() });
    await first.stop();
    const files = { trust: { file: "missing.pem" } };
    const peers = [peer(GLOBEX, files), peer("n.hooli.test", files)];
    const acme = await running(t, "acme.test", { config: { peers }, folder: first.dataDir });
    assert.deepEqual(
      [...acme.loop.view.routes.peers()]
        .map(({ terms }) => terms.node)
        .filter((node) => node !== acme.name)
        .sort(),
      [GLOBEX, "n.hooli.test"],
    );
    const { problems } = acme.peering.status();
    const about = problems.map(({ text }) => text.replace(/, for .*|:.*/, ""));
    assert.deepEqual(about, [
      `nobody can prove to be ${GLOBEX}`,
      "nobody can prove to be n.hooli.test",
      "n.initech.test is no peer",
    ]);
    assert.equal(problems[2]?.hint, "catalyst peer show n.initech.test");
    assert.deepEqual(
      acme.said.map((text) => text.split(":")[0]),
      ["warn peer.trust", "warn peer.trust", "warn peer.problem"],
    );
  });

  test("a peer that is none any more is told about by nobody", async (t) => {
    const { acme, globex, address } = await two(t);
    const KEY = "files.globex.test";
    await acme.peering.addRule("imports", { match: { key: KEY }, action: "accept" });
    await globex.peering.addRule("exports", { match: { key: KEY }, action: "accept" });
    globex.loop.push({ kind: "service.add", intent: intent(KEY, { endpoints: ["http://127.0.0.1:1"] }) });
    globex.loop.push({ kind: "probe.result", service: KEY, endpoint: "http://127.0.0.1:1", ok: true });
    const told = (node: Node) => node.loop.view.routes.best(KEY) !== undefined;
    await until("acme is told", () => told(acme));
    const life = async (act: (node: Node) => Promise<unknown>): Promise<boolean> => {
      const node = await place(t, "acme.test", { folder: acme.dataDir });
      await node.peering.remember();
      const before = told(node);
      await act(node);
      await node.stop();
      return before;
    };
    await acme.stop();
    const nothing = async (): Promise<void> => {};
    assert.equal(await life(nothing), true, "served at once");
    // As a file that was edited between two lives.
    assert.equal(await life(async ({ store }) => store.savePeering(`peer ${GLOBEX}`, undefined)), true);
    assert.equal(await life(nothing), false);
    const add = ({ peering }: Node) => peering.add(peer(GLOBEX, { address }), globex.trust());
    assert.equal(await life(add), false);
    assert.equal(await life(nothing), false);
  });

  test("where Envoy is found: as advertised, else where it listens, else by the node's name", async (t) => {
    const addresses: string[] = [];
    for (const config of [
      {},
      { control: { listen: HERE, advertise: "acme.example:7443" } },
      { peer: { listen: "127.0.0.1:7000" }, control: { listen: HERE, advertise: "acme.example:7443" } },
      { peer: { listen: "0.0.0.0:7000", advertise: "envoy.example:1" } },
    ]) {
      const { peering } = await place(t, "acme.test", { config, ca: false });
      addresses.push(peering.self.address);
    }
    assert.deepEqual(addresses, [`${ACME}:10443`, "acme.example:10443", "127.0.0.1:7000", "envoy.example:1"]);
  });
});

describe("what does not work", () => {
  test("a node without peers that nobody may call opens nothing, and tells its first peer what its rules say", async (t) => {
    const acme = await running(t, "acme.test");
    assert.equal(existsSync(join(acme.dataDir, "learned.db")), false);
    const { listens, ...counts } = acme.peering.status();
    assert.equal(listens, undefined);
    assert.deepEqual(counts, { proven: true, peers: 0, established: 0, synced: 0, problems: [] });
    await assert.rejects(acme.peering.fetchBlob(GLOBEX, "x"), { code: "ERR_NOT_FOUND" });
    await acme.peering.addRule("exports", { match: { key: "*" }, action: "accept" });
    await acme.peering.add(peer(GLOBEX));
    assert.equal(existsSync(join(acme.dataDir, "learned.db")), true);
    const { exports, self } = acme.peering;
    assert.notEqual(exports.policy(GLOBEX), undefined);
    assert.equal(exports.policy(GLOBEX), new Exports(self, acme.loop.view).policy(GLOBEX));
    await assert.rejects(acme.peering.fetchBlob(GLOBEX, "x"), /no session with n\.globex\.test/);
  });

  test("without a certificate, or with a port that is taken, the node runs, and says what is missing", async (t) => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    t.after(() => void other.close());
    const { port } = other.address() as AddressInfo;
    const config = { control: { listen: `127.0.0.1:${port}` } };
    const acme = await running(t, "acme.test", { config, ca: false });
    const { problems, listens } = acme.peering.status();
    assert.equal(listens, undefined);
    assert.deepEqual(
      problems.map(({ hint }) => hint),
      ["catalyst init", "choose another control.listen"],
    );
    assert.match(problems[0]?.text ?? "", /peers cannot know this node/);
    assert.match(problems[1]?.text ?? "", /EADDRINUSE/);
    assert.equal(acme.warned.length, 2);
    // It can still say who its peers are.
    await acme.peering.add(peer(GLOBEX));
    assert.equal(acme.peering.status().peers, 1);
  });

  test("a certificate that is put there later is used without a restart", async (t) => {
    const acme = await running(t, "acme.test", { config: { control: { listen: HERE } }, ca: false });
    const globex = await running(t, "globex.test", { config: { control: { listen: HERE } } });
    await createOrganizationCa({ dataDir: acme.dataDir, organization: "acme.test", clock: systemClock });
    await globex.peering.add(peer(ACME), acme.trust());
    const address = globex.peering.status().listens ?? assert.fail("globex does not listen");
    acme.looks.shift()?.();
    await until("it is in use", () => acme.loop.effects.wanted("envoy.node-cert", "node") !== undefined);
    await acme.peering.add(peer(GLOBEX, { address }), globex.trust());
    await until("they are synced", () => synced(acme, GLOBEX) && synced(globex, ACME));
  });
});

test("who is stopped before sessions begin begins none; peers hear of a stop, and the port is free", async (t) => {
  const config = { control: { listen: HERE } };
  const early = await place(t, "acme.test", { config });
  await early.peering.remember();
  await early.stop();
  await early.peering.begin();
  assert.equal(early.peering.status().listens, undefined);
  const { acme, globex, address } = await two(t);
  await globex.stop();
  await until("acme heard it", () => acme.peering.peer(GLOBEX)?.report?.session.last?.code === 12);
  const next = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  next.once("error", reject);
  next.listen(Number(address.split(":")[1]), "127.0.0.1", resolve);
  await promise;
  next.close();
});
