import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { type AdminApi, connect, type EventRecord, type PartStatus } from "#rpc";
import { type AuthControl } from "#rpc";
import type { Service } from "#routing";
import { nodeLoop, probed } from "../../../test/kit/node-loop.ts";
import { serviceParser } from "../parse-service.ts";
import { systemClock, systemRandom } from "../ports.ts";
import { Journal, JOURNAL_MAX, partLines, serviceLines } from "./journal.ts";
import { type Facts, healthOf, problems } from "./problems.ts";
import { serveAdmin } from "./serve.ts";
import { verbs } from "./verbs.ts";

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const ports = { clock: systemClock, random: systemRandom, log: silent };

const IDENTITY = {
  node: "edge1.acme.catalyst.internal",
  organization: "acme.catalyst.internal",
  identity: "own",
  version: "0.1.0",
} as const;

async function serve(t: TestContext) {
  const dir = mkdtempSync(join(tmpdir(), "catalyst-admin-"));
  const { loop } = nodeLoop({ ports });
  const journal = new Journal();
  loop.watch(({ commit }) => {
    if (commit !== undefined) journal.commit(commit);
  });
  const nothing = (): never => {
    throw new Error("not asked in these tests");
  };
  const table = verbs({
    loop,
    clock: systemClock,
    journal,
    node: "edge1.acme.catalyst.internal",
    reach: { ingress: "http://127.0.0.1:10000" },
    // No verb of these tests speaks to auth.
    auth: {} as AuthControl,
    identity: IDENTITY,
    status: nothing,
    check: nothing,
    envoyStatus: nothing,
    envoyConfig: () => [],
    config: () => ({ config: {}, origin: {} }),
    parseService: serviceParser("acme.catalyst.internal"),
  });
  const socket = join(dir, "admin.sock");
  const server = await serveAdmin(socket, table, journal, silent);
  const session = await connect<AdminApi>({ unix: socket });
  t.after(async () => {
    session.close();
    await server.close();
    await loop.stop();
    rmSync(dir, { recursive: true, force: true });
  });
  return { socket, api: session.stub, session, loop, journal };
}

const FILES = {
  name: "files",
  protocol: "http",
  endpoints: ["http://127.0.0.1:1"],
  ingress: { prefix: "/files" },
};
const code = (expected: string) => (error: unknown) =>
  error instanceof Error && "code" in error && error.code === expected;

test("services are added, shown, listed and removed over the socket of the operator", async (t) => {
  const { api, socket } = await serve(t);
  assert.equal(statSync(socket).mode & 0o777, 0o600);
  assert.deepEqual(await api.call("identity", {}), IDENTITY);
  const added = await api.call("service.add", FILES);
  assert.equal(added.name, "files.acme.catalyst.internal");
  assert.deepEqual(added.reach, [
    "http://127.0.0.1:10000/files",
    "http://files.acme.catalyst.internal:10000/",
  ]);
  assert.equal((await api.call("service.show", { name: "files" })).health, "unknown");
  await api.call("service.add", { ...FILES, endpoints: ["http://127.0.0.1:2"] });
  const [listed] = await api.call("service.list", {});
  assert.equal(listed?.endpoints.length, 2, "the same name again is one more endpoint");
  await api.call("service.remove", { name: "files" });
  assert.deepEqual(await api.call("service.list", {}), []);
  await assert.rejects(api.call("service.remove", { name: "files" }), code("ERR_NOT_FOUND"));
});

test("an own service may be called by its full name, one of another organization may not", async (t) => {
  const { api } = await serve(t);
  const name = "files.acme.catalyst.internal";
  assert.equal((await api.call("service.add", { ...FILES, name })).name, name);
  await assert.rejects(
    api.call("service.add", { ...FILES, name: "files.globex.catalyst.internal" }),
    /not a service: name: files\.globex\.catalyst\.internal is outside the organization acme\.catalyst\.internal/,
  );
});

test("wrong arguments are named, and change nothing", async (t) => {
  const { api, loop } = await serve(t);
  const revision = loop.revision;
  await assert.rejects(api.call("service.show", { nmae: "x" } as never), code("ERR_INVALID_ARGUMENT"));
  await assert.rejects(api.call("service.nothing" as never, {} as never), code("ERR_INVALID_ARGUMENT"));
  await assert.rejects(api.call("service.add", { ...FILES, protocol: "gopher" }), /protocol.*http/);
  await assert.rejects(
    api.call("service.add", { ...FILES, endpoints: ["ftp://x"] }),
    code("ERR_INVALID_ARGUMENT"),
  );
  await assert.rejects(
    api.call("service.add", { ...FILES, ingress: { prefix: "/graphql" } }),
    code("ERR_INVALID_ARGUMENT"),
  );
  assert.equal(loop.revision, revision);
});

test("an addition that waits ends when the service is known to be down", async (t) => {
  const { api, loop } = await serve(t);
  const waiting = api.call("service.add", { ...FILES, waitMs: 5_000 });
  while (!loop.view.services.has("files.acme.catalyst.internal"))
    await new Promise((resolve) => setTimeout(resolve, 5));
  await loop.submit(probed("files", "http://127.0.0.1:1", false, "connection refused"));
  const record = await waiting;
  assert.equal(record.health, "down");
  assert.equal(record.endpoints[0]?.reason, "connection refused");
});

test("events are followed from any point, in order, until the session ends", async (t) => {
  const { api, session, journal } = await serve(t);
  await api.call("service.add", FILES);
  const seen: EventRecord[] = [];
  await api.follow({ after: 0 }, (events) => void seen.push(...events));
  await api.call("service.remove", { name: "files" });
  while (seen.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(
    seen.map(({ kind, sequence }) => [kind, sequence]),
    [
      ["service.added", 1],
      ["service.removed", 2],
    ],
  );
  assert.equal((await api.call("events", { after: 1 })).length, 1);
  session.close();
  await session.closed;
  journal.add(0, "x", "after the end");
});

test("a follower that fails is told about once, and hears no more", async () => {
  const journal = new Journal();
  const lost: unknown[] = [];
  const { signal } = new AbortController();
  const fail = (): never => {
    throw new Error("its pipe is full");
  };
  journal.follow(undefined, fail, signal, (error) => void lost.push(error));
  for (let i = 0; i < 3; i += 1) journal.add(0, "x", String(i));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(lost.map(String), ["Error: its pipe is full"]);
});

test("the journal is bounded and says what it lost by its sequence", () => {
  const journal = new Journal();
  for (let i = 1; i <= JOURNAL_MAX * 3; i += 1) journal.add(0, "x", String(i));
  const [first] = journal.read(0, 1);
  assert.ok((first?.sequence ?? 0) > 1);
  const last = journal.last(1)[0];
  assert.equal(last?.text, String(JOURNAL_MAX * 3));
  assert.equal(journal.read(JOURNAL_MAX * 3 - 2, 10).length, 2);
});

const service = (more: Partial<Service> = {}): Service => ({
  name: "a.acme.catalyst.internal",
  protocol: "http",
  owner: { kind: "admin" },
  endpoints: [{ url: "http://h:1", health: "up", streak: 0 }],
  health: "up",
  probe: { kind: "tcp", intervalMs: 1, timeoutMs: 1, up: 1, down: 1 },
  timeoutMs: 1,
  export: false,
  revision: 1,
  ...more,
});

test("what happened to a service is told in words", () => {
  const down = service({
    health: "down",
    endpoints: [{ url: "http://h:1", health: "down", streak: 0, reason: "HTTP 503" }],
  });
  const text = (before?: Service, after?: Service) =>
    serviceLines("a.x", before, after).map((line) => line[1]);
  assert.deepEqual(text(undefined, service({ health: "unknown" })), ["a added (http, admin)"]);
  assert.deepEqual(text(service(), down), ["a is down: HTTP 503"]);
  assert.deepEqual(text(down, service()), ["a is up"]);
  assert.deepEqual(text(service(), undefined), ["a removed"]);
  const quarantine = [{ by: "gateway", code: "ERR_SCHEMA_CONFLICT", text: "x differs" }] as const;
  assert.deepEqual(text(service(), service({ quarantine })), [
    "a left out by gateway: x differs [ERR_SCHEMA_CONFLICT]",
  ]);
  assert.deepEqual(text(service({ quarantine }), service()), ["a is no longer left out"]);
  const part = (state: PartStatus["state"]): PartStatus => ({ name: "auth", state, restarts: 0 });
  assert.deepEqual(partLines([part("ready")], [part("backoff")]), [
    ["part.backoff", "auth is backoff", "auth"],
  ]);
});

const ready = (name: PartStatus["name"]): PartStatus => ({
  name,
  state: "ready",
  restarts: 0,
  uptimeMs: 100_000,
});
const facts = (more: Partial<Facts>): Facts => ({
  parts: [ready("auth"), ready("orchestrator"), ready("gateway"), ready("envoy")],
  loop: {
    revision: 1,
    depth: 0,
    events: 0,
    dropped: 0,
    plugins: [],
    effects: { keys: 0, pending: 0, failing: [] },
  },
  services: [],
  identity: "own",
  envoyWanted: true,
  store: [],
  auth: undefined,
  gateway: undefined,
  ingress: "http://127.0.0.1:10000",
  ...more,
});

test("the root cause comes first, and hides what follows from it", () => {
  const failing = [
    { kind: "graph", key: "a", code: "ERR_RPC_CLOSED", text: "away", attempts: 1, retry: true },
  ];
  const { loop } = facts({});
  const broken = facts({
    loop: { ...loop, effects: { keys: 1, pending: 1, failing } },
    parts: [
      ready("auth"),
      { name: "gateway", state: "backoff", restarts: 4, reason: "ended by SIGKILL" },
      ready("envoy"),
    ],
    services: [service({ health: "down", endpoints: [] })],
  });
  assert.deepEqual(
    problems(broken).map(({ code: found }) => found),
    ["ERR_PART_DOWN", "ERR_PROBE_FAILED"],
  );
  assert.match(problems(broken)[0]?.text ?? "", /gateway is down \(4 restarts\): ended by SIGKILL/);
  assert.deepEqual(
    problems(facts({ loop: broken.loop })).map(({ code: found }) => found),
    ["ERR_RPC_CLOSED"],
  );
});

test("health: ok, degraded while something is wrong, down when nobody answers clients", () => {
  const health = (more: Partial<Facts>): string => healthOf(facts(more), problems(facts(more)));
  assert.equal(health({}), "ok");
  assert.equal(health({ identity: "none" }), "ok");
  assert.equal(health({ services: [service({ health: "down" })] }), "degraded");
  const envoyDown: PartStatus = { name: "envoy", state: "backoff", restarts: 1 };
  assert.equal(health({ parts: [ready("auth"), ready("gateway"), envoyDown] }), "down");
  const absent: PartStatus = { name: "envoy", state: "absent", restarts: 0, reason: "no Envoy" };
  assert.equal(health({ parts: [ready("auth"), ready("gateway"), absent] }), "degraded");
  assert.equal(health({ envoyWanted: false, parts: [ready("auth"), ready("gateway"), absent] }), "ok");
});

test("a part that is ready but does not answer is a problem; one that is down already is not named twice", () => {
  const silent = [{ name: "gateway", reason: "no answer within 1 s" }] as const;
  const part = (state: "ready" | "backoff") => ({ name: "gateway", state, restarts: 0 }) as const;
  const named = (state: "ready" | "backoff"): string[] =>
    problems(facts({ parts: [part(state)], silent })).map(({ text }) => text);
  assert.deepEqual(named("ready"), ["gateway is ready but does not answer: no answer within 1 s"]);
  assert.deepEqual(named("backoff"), ["gateway is down"]);
});
