// `identity.mode: none` between whole nodes, for connectivity tests: two of them share a service with no certificate anywhere, and
// every screen says so; one of them and a node that asks for certificates have nothing to say to each other, whoever dials; and what
// was learned from nobody in particular is not found by the same node when it asks who speaks.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { ask } from "../../src/envoy/testing.ts";
import { needs } from "../kit/needs.ts";
import { catalyst, freePort, temporaryFolder, TestNode, until } from "../kit/node.ts";

const ACME = "acme.catalyst.internal";
const GLOBEX = "globex.catalyst.internal";
const FILES = `files.${GLOBEX}`;

interface Place {
  readonly organization: string;
  readonly folder: string;
  readonly control: string;
  readonly egress: number;
}

/** Nothing is made in it: no CA, no certificate. */
const place = async (t: TestContext, organization: string): Promise<Place> => ({
  organization,
  folder: temporaryFolder(t),
  control: `127.0.0.1:${await freePort()}`,
  egress: await freePort(),
});

/** With a CA, keys and a certificate, as a user makes them. */
async function init({ folder, organization }: Place): Promise<string> {
  const dataDir = join(folder, "node");
  const names = ["--organization", organization, "--node", "edge1", "--data-dir", dataDir];
  const made = await catalyst(["init", "init.json", ...names], { cwd: folder });
  assert.equal(made.code, 0, made.err);
  return join(dataDir, "certs/trust.pem");
}

async function start(t: TestContext, own: Place, rest: object): Promise<TestNode> {
  return await TestNode.start(t, {
    folder: own.folder,
    config: {
      organization: own.organization,
      node: "edge1",
      control: { listen: own.control },
      peer: { listen: `127.0.0.1:${await freePort()}` },
      egress: { listen: `127.0.0.1:${own.egress}` },
      imports: [{ peer: "*", match: { origin: "*" }, action: "accept" }],
      exports: [{ action: "accept" }],
      ...rest,
    },
  });
}

const NONE = { identity: { mode: "none" } } as const;
const WITHOUT_ENVOY = { envoy: { disabled: true } } as const;

const peer = ({ organization, control }: Place) => ({ node: `edge1.${organization}`, address: control });

async function files(t: TestContext): Promise<{ services: readonly object[] }> {
  const server = createServer((_, response) => response.end("hello"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { services: [{ name: "files", protocol: "http", endpoint, export: true }] };
}

const synced = async (node: TestNode): Promise<boolean> =>
  (await node.call("peer.list", {})).every(({ session }) => session.state === "synced");

test(
  "two nodes that ask nobody for proof share a service, and every screen says what they are",
  needs("envoy"),
  async (t) => {
    const [acme, globex] = await Promise.all([place(t, ACME), place(t, GLOBEX)]);
    const [node, far] = await Promise.all([
      start(t, acme, { ...NONE, peers: [peer(globex)] }),
      start(t, globex, { ...NONE, peers: [peer(acme)], ...(await files(t)) }),
    ]);
    const get = () => ask(acme.egress, { headers: { host: FILES } }).catch(() => ({ status: 0, text: "" }));
    await until("the service is reached through both Envoys", async () => (await get()).status === 200);
    assert.equal((await get()).text, "hello");
    assert.equal(existsSync(join(acme.folder, "node/certs/node.pem")), false, "no certificate was made");

    for (const each of [node, far]) {
      const { peering, problems } = await each.call("status", {});
      assert.deepEqual([peering?.between, peering?.synced], ["none", 1]);
      assert.deepEqual(
        peering?.shown.map(({ unproven, certificateEnds }) => [unproven, certificateEnds]),
        [[true, undefined]],
      );
      assert.deepEqual(
        problems.map(({ code }) => code),
        ["ERR_IDENTITY_NONE"],
      );
      assert.match(each.log, /peers are believed by name: nobody proves who it is/);
      assert.match(each.log, /the session is up; nobody proves who it is/);
      assert.doesNotMatch(each.log, /peers cannot know this node|the certificate/);
    }
    const at = ["--data-dir", join(acme.folder, "node")];
    for (const [words, mark] of [
      [["status"], /between nodes +NOTHING: no node proves who it is/],
      [["peer", "list"], /synced, UNPROVEN/],
      [["peer", "show", "globex"], /identity +NOT PROVEN: believed by name/],
    ] as const) {
      const { out, err, code } = await catalyst([...words, ...at]);
      assert.equal(code, 0, err);
      assert.match(out, mark);
      assert.match(`${out}${err}`, /for connectivity tests only/, words.join(" "));
    }
  },
);

for (const dials of ["none", "own"] as const) {
  test(`a node in mode none and one that asks for certificates: refused when mode ${dials} dials`, async (t) => {
    const [acme, globex] = await Promise.all([place(t, ACME), place(t, GLOBEX)]);
    const trust = await init(globex);
    const theirs = await init(acme);
    const told = await files(t);
    // Trust is at hand on both sides: nothing but the mode stands between them.
    const known = (other: Place, file: string, dialled: boolean) => {
      const { node, address } = peer(other);
      return { node, trust: { file }, ...(dialled ? { address } : {}) };
    };
    const [open, proven] = await Promise.all([
      start(t, acme, { ...NONE, ...WITHOUT_ENVOY, ...told, peers: [known(globex, trust, dials === "none")] }),
      start(t, globex, { ...WITHOUT_ENVOY, ...told, peers: [known(acme, theirs, dials === "own")] }),
    ]);
    const [dialler, called] = dials === "none" ? [open, proven] : [proven, open];
    const session = async () => (await dialler.call("peer.list", {}))[0]?.session;
    // Who was not up yet is dialled again.
    await until("a dial is the last one", async () => (await session())?.waits === "operator");
    const said = await session();
    assert.deepEqual([said?.state, said?.last?.code], ["idle", 16]);
    const { problems } = await dialler.call("status", {});
    const problem = problems.find(({ code }) => code === "ERR_PEER_UNPROVEN");
    assert.match(problem?.text ?? "", /identity\.mode none.*; it waits for an operator/);
    assert.match(problem?.hint ?? "", /start both nodes with the same identity\.mode/);
    assert.match(called.log, /ERR_PEER_UNPROVEN/);
    assert.match(called.log, /give both nodes the same identity\.mode/);
    for (const each of [open, proven]) {
      const routes = await each.call("route.list", {});
      assert.deepEqual(
        routes.map(({ name, peer: from }) => [name.split(".")[0], from]),
        [["files", undefined]],
        "nothing was learned",
      );
      const [shown] = await each.call("peer.list", {});
      assert.deepEqual([shown?.session.state, shown?.routes.received], ["idle", 0]);
    }
  });
}

test("what was learned in mode none is not there when the node asks who speaks", async (t) => {
  const [acme, globex] = await Promise.all([place(t, ACME), place(t, GLOBEX)]);
  await init(acme);
  const trust = await init(globex);
  const own = { ...WITHOUT_ENVOY, peers: [{ ...peer(globex), trust: { file: trust } }] };
  const node = await start(t, acme, { ...own, ...NONE });
  const far = await start(t, globex, { ...WITHOUT_ENVOY, ...NONE, ...(await files(t)), peers: [peer(acme)] });
  const learned = async (of: TestNode) => (await of.call("route.list", {})).map(({ name }) => name);
  await until("both are synced", async () => (await synced(node)) && (await learned(node)).length === 1);
  assert.equal((await far.signal("SIGTERM")).code, 0);
  assert.equal((await node.signal("SIGTERM")).code, 0);

  const asking = await start(t, acme, own);
  assert.deepEqual(await learned(asking), []);
  assert.equal((await asking.signal("SIGTERM")).code, 0);
  const again = await start(t, acme, { ...own, ...NONE });
  assert.deepEqual(await learned(again), [FILES], "and is kept for the mode it came in");
});
