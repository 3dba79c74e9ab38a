// Ingress and the listener for peers share the cluster of an own service. Whatever comes and goes on either side, in whatever order,
// with publications that fail: at rest the snapshot has exactly the clusters that somebody wants, and nothing was published that
// names what is not there. The server is the real one.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ClusterUsers } from "./cluster-users.ts";
import { EnvoyConfigurator } from "./configurator.ts";
import { PeeringConfigurator } from "./peering.ts";
import { httpService, quiet } from "./testing.ts";
import { XdsServer } from "./xds/index.ts";
import type { Change } from "./xds/index.ts";

const NODE = "edge1.acme.catalyst.internal";
const PEER_NODE = "edge1.globex.catalyst.internal";
const NAMES = ["files.acme.catalyst.internal", "stock.acme.catalyst.internal"] as const;
/** An address stands in resources of its own, a name inside the cluster. */
const ENDPOINTS = ["127.0.0.1:5001", "127.0.0.1:5002", "files.internal:5001"] as const;

class SharedWorld {
  readonly server = new XdsServer({ log: quiet });
  /** The next so many publications throw. */
  failing = 0;
  /** Some did: what is taken away may then still be named by what was not told yet, and waits for the next flush. */
  #failed = false;
  readonly ingress: EnvoyConfigurator;
  readonly peering: PeeringConfigurator;
  readonly #late: (() => Promise<void>)[] = [];

  constructor(users: readonly [ClusterUsers, ClusterUsers]) {
    const hold = this.server.hold.bind(this.server);
    const publish = async (changes: readonly Change[]) => {
      if (this.failing > 0) {
        this.failing -= 1;
        this.#failed = true;
        throw new Error("no memory");
      }
      return await this.server.publish(changes);
    };
    this.ingress = new EnvoyConfigurator({ hold, publish }, undefined, users[0]);
    this.peering = new PeeringConfigurator(
      { publish },
      (collect) => void this.#late.push(collect),
      "none",
      users[1],
    );
    this.ingress.setBase({
      node: NODE,
      identity: "none",
      listen: { address: "127.0.0.1", port: 10_000 },
      gateway: { path: "/run/gateway-http.sock" },
      auth: { path: "/run/auth-http.sock" },
      bodyLimitBytes: 1_048_576,
    });
    this.peering.setListeners({ node: NODE, peer: { address: "127.0.0.1", port: 10_443 } });
    this.peering.setTrust("globex.catalyst.internal", { nodes: [PEER_NODE], pem: undefined });
  }

  serve(service: string, endpoint: string | undefined): void {
    this.ingress.setService(service, endpoint === undefined ? undefined : httpService(service, [endpoint]));
  }

  offer(service: string, endpoint: string | undefined): void {
    const target = { kind: "own", endpoints: [endpoint ?? ""], timeoutMs: 5_000 } as const;
    const want = { service, protocol: "http", to: [PEER_NODE], target } as const;
    this.peering.setExport(service, endpoint === undefined ? undefined : want);
  }

  /** Neither waits for the other, as in a node. */
  async flush(): Promise<void> {
    const done = await Promise.allSettled([this.ingress.flush(), this.peering.flush()]);
    for (const one of done) if (one.status === "rejected") this.#expected(one.reason);
  }

  async late(): Promise<void> {
    for (let next = this.#late.shift(); next !== undefined; next = this.#late.shift()) await next();
  }

  async collect(): Promise<void> {
    // A route that is on its way out may name it still; then it goes with a later one.
    while (this.#late.length > 0)
      await this.late().catch((error: unknown) =>
        assert.match(String(error), /no memory|which does not exist/),
      );
  }

  #expected(error: unknown): void {
    assert.match(String(error), this.#failed ? /no memory|which does not exist/ : /no memory/);
  }

  async rest(): Promise<void> {
    this.failing = 0;
    // Twice: what failed before is told by the first one, and what that leaves over goes with the second.
    for (let i = 0; i < 2; i++) {
      await this.flush();
      await this.collect();
      this.#failed = false;
    }
    const left = [...this.ingress.quarantined(), ...this.peering.quarantined()];
    assert.deepEqual(left, []);
  }

  get clusters(): string[] {
    return [...this.server.resources()]
      .filter(({ type, name }) => type === "cluster" && name.startsWith("svc:"))
      .map(({ name }) => name.slice("svc:".length))
      .toSorted();
  }
}

const shared = (): readonly [ClusterUsers, ClusterUsers] => {
  const users = new ClusterUsers();
  return [users, users];
};

type Step = readonly [
  sides: readonly ("serve" | "offer")[],
  service: (typeof NAMES)[number],
  endpoint: string | undefined,
  then: readonly ("flush" | "collect")[],
  /** For what it started. */
  wait: boolean,
  failing: number,
];

const often = <T>(value: T, weight: number) => ({ arbitrary: fc.constant(value), weight });

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.tuple(
    fc.constantFrom<Step[0][]>(["serve"], ["offer"], ["serve", "offer"]),
    fc.oneof(often(NAMES[0], 3), often(NAMES[1], 1)),
    fc.oneof(often(undefined, 3), { arbitrary: fc.constantFrom(...ENDPOINTS), weight: 3 }),
    fc.constantFrom<Step[3][]>([], ["flush"], ["flush"], ["collect"], ["flush", "collect"]),
    fc.boolean(),
    fc.oneof(often(0, 8), often(1, 1), often(2, 1)),
  ),
  // As long as they can be, or hardly any comes as far as a cluster that both have and one leaves.
  { minLength: 6, maxLength: 24, size: "max" },
);

/** The services that are wanted afterwards. */
async function play(world: SharedWorld, list: readonly Step[]): Promise<string[]> {
  const wanted = { serve: new Map<string, string>(), offer: new Map<string, string>() };
  const open: Promise<void>[] = [];
  for (const [sides, service, endpoint, then, wait, failing] of list) {
    world.failing = failing;
    for (const side of sides) {
      world[side](service, endpoint);
      if (endpoint === undefined) wanted[side].delete(service);
      else wanted[side].set(service, endpoint);
    }
    for (const what of then) {
      const done = world[what]();
      if (wait) await done;
      else open.push(done);
    }
  }
  await Promise.all(open);
  // Both sides know of a service's endpoints from one place.
  for (const [service, endpoint] of wanted.serve)
    if (wanted.offer.has(service)) world.offer(service, endpoint);
  await world.rest();
  return [...new Set([...wanted.serve.keys(), ...wanted.offer.keys()])].toSorted();
}

test("at rest there is a cluster for exactly those services that somebody wants", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (list) => {
      const world = new SharedWorld(shared());
      const wanted = await play(world, list);
      assert.deepEqual(world.clusters, wanted);
    }),
    { numRuns: 1_000 },
  );
});

test("where they do not know of each other, one takes away what the other uses", async () => {
  const [service, endpoint] = [NAMES[0], ENDPOINTS[0]];
  for (const [leaves, stays] of [
    ["serve", "offer"],
    ["offer", "serve"],
  ] as const) {
    const apart = new SharedWorld([new ClusterUsers(), new ClusterUsers()]);
    const together = new SharedWorld(shared());
    for (const world of [apart, together]) {
      for (const side of [leaves, stays]) world[side](service, endpoint);
      await world.flush();
      world[leaves](service, undefined);
    }
    const going = async (world: SharedWorld): Promise<void> => {
      await world.ingress.flush();
      await world.peering.flush();
      await world.late();
    };
    await assert.rejects(going(apart), { code: "ERR_XDS_REFERENCE" });
    await going(together);
    assert.deepEqual(together.clusters, [service]);
    together[stays](service, undefined);
    await going(together);
    assert.deepEqual(together.clusters, []);
  }
});
