// One node of a network of processes (process-network.ts): the real loop, plugins, sessions over TLS and store of what was
// learned; without services to probe, Envoy and gateway. It does what its parent says over the channel between them and tells it
// each commit that changed routes. Times are those of the machine's monotonic clock, so that processes can be compared.

import { Loop } from "#kernel";
import { type NodeName, type NodeTypes, organizationOf, State } from "#routing";
import { silentLog, systemClock, systemRandom } from "#rpc";
import { join } from "node:path";
import { Exports } from "../../src/orchestrator/peering/exports.ts";
import { Running } from "../../src/orchestrator/peering/running.ts";
import { builtInPlugins } from "../../src/orchestrator/plugins/index.ts";
import { intent } from "./node-loop.ts";
import { peering } from "./peer-node.ts";

export type Order =
  | { readonly do: "peer"; readonly node: NodeName; readonly port: number | undefined }
  | { readonly do: "offer" | "take"; readonly names: readonly string[] }
  /** Writes a name of its own, again and again; without a pause it stops. */
  | { readonly do: "write"; readonly everyMs?: number }
  | { readonly do: "count"; readonly id: number };

/** `at`: milliseconds, monotonic, the same in all processes. */
export type News =
  | { readonly kind: "ready"; readonly port: number }
  | { readonly kind: "routes"; readonly at: number; readonly changes: readonly Changed[] }
  | { readonly kind: "session"; readonly at: number; readonly what: string; readonly peer: NodeName }
  | { readonly kind: "count"; readonly id: number; readonly count: Count };

/** A name, the node by which it is reached (undefined = it is not), and the origins of all its paths in their order of use. */
export type Changed = readonly [name: string, via: NodeName | undefined, origins: readonly NodeName[]];

export interface Count {
  /** Routes and withdrawals that peers told since the start. */
  readonly told: number;
  readonly written: number;
  readonly cpuMs: number;
  readonly rss: number;
  /** Name and origin of the best path of each. */
  readonly table: readonly (readonly [string, NodeName])[];
}

const monotonic = (): number => Number(process.hrtime.bigint()) / 1e6;

const tell = (news: News): void => void process.send?.(news);

async function main(node: NodeName, dataDir: string, trust: string): Promise<void> {
  const ports = { clock: systemClock, random: systemRandom, log: silentLog };
  const loop = new Loop<NodeTypes>({
    store: new State(node),
    plugins: builtInPlugins(),
    // Services are not probed: what is offered is up.
    runners: { probe: async () => ({ ok: true }), persist: async () => ({ ok: true }) },
    ports,
    schedule: (run) => void setImmediate(run),
  });
  const heard = watch(loop);
  const organization = organizationOf(node);
  const exports = new Exports({ node, organization, address: "127.0.0.1:1" }, loop.view);
  const running = await Running.open({
    ports,
    loop,
    exports,
    certificate: { node, organization, dataDir, tls: undefined, clock: systemClock },
    listen: { host: "127.0.0.1", port: 0 },
    file: join(dataDir, "learned.db"),
    content: () => undefined,
    say: (_level, what, _text, peer) => tell({ kind: "session", at: monotonic(), what, peer }),
  });
  await running.start();
  const services = offers(loop);
  process.on("message", (order: Order) => {
    if (order.do === "offer") for (const name of order.names) services.offer(name);
    else if (order.do === "take") for (const name of order.names) services.take(name);
    else if (order.do === "write") services.write(order.everyMs, node.split(".")[0] ?? node);
    else if (order.do === "count")
      tell({ kind: "count", id: order.id, count: count(loop, heard.told, services.written) });
    else if (order.do === "peer") {
      const { address: _, ...waits } = peering(node, order.node);
      const address = order.port === undefined ? {} : { address: `127.0.0.1:${order.port}` };
      const limits = { routes: 1_000_000, rate: 200_000, bytes: 1 << 30, pathLength: 32 };
      void running.driver.configure(
        { ...waits, ...address, limits },
        { node: order.node, organization, trust, external: false },
      );
    }
  });
  process.on("disconnect", () => process.exit());
  tell({ kind: "ready", port: running.port ?? 0 });
}

/** Tells each commit that changes routes, and counts what peers say. */
function watch(loop: Loop<NodeTypes>): { readonly told: number } {
  const heard = { told: 0 };
  loop.watch(({ events, commit }) => {
    for (const event of events)
      if (event.kind === "peer.told" && event.told.kind === "update")
        heard.told += event.told.advertise.length + event.told.withdraw.length;
    if (commit === undefined || commit.changes.routes.size === 0) return;
    const at = monotonic();
    const changes = [...commit.changes.routes].map(([key, { after }]): Changed => [
      key.split(".")[0] ?? key,
      after?.[0]?.peerName,
      after?.map(({ course }) => course.origin) ?? [],
    ]);
    tell({ kind: "routes", at, changes });
  });
  return heard;
}

function count({ view }: Loop<NodeTypes>, told: number, written: number): Count {
  const { user, system } = process.cpuUsage();
  const table = [...view.routes.keys()].map((key): readonly [string, NodeName] => [
    key.split(".")[0] ?? key,
    view.routes.best(key)?.[0]?.course.origin ?? "",
  ]);
  return { told, written, cpuMs: (user + system) / 1e3, rss: process.memoryUsage.rss(), table };
}

function offers(loop: Loop<NodeTypes>) {
  let written = 0;
  let timer: NodeJS.Timeout | undefined;
  const full = (name: string): string => `${name}.${organizationOf(loop.view.node)}`;
  function offer(name: string): void {
    const offered = intent(full(name));
    loop.push({ kind: "service.add", intent: offered });
    for (const endpoint of offered.endpoints)
      loop.push({ kind: "probe.result", service: offered.name, endpoint, ok: true });
  }
  function take(name: string): void {
    loop.push({ kind: "service.remove", name: full(name), owner: "admin" });
  }
  return {
    offer,
    take,
    get written() {
      return written;
    },
    /** One of ten names comes or goes each time. */
    write(everyMs: number | undefined, prefix: string): void {
      clearInterval(timer);
      if (everyMs === undefined) return;
      timer = setInterval(() => {
        const name = `${prefix}-${Math.floor(written / 2) % 10}`;
        if (written % 2 === 0) offer(name);
        else take(name);
        written += 1;
      }, everyMs);
    },
  };
}

const [node = "", dataDir = "", trust = ""] = process.argv.slice(2);
await main(node, dataDir, Buffer.from(trust, "base64").toString());
