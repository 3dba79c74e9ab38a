// Which room may import which, kept once. `test/tidy.test.ts` reads every import against it; ARCHITECTURE.md shows it.
// "types" = `import type` only. node: modules are free outside the pure rooms; an npm package belongs to the rooms listed.

export interface Room {
  /** What the room owns, for the table in ARCHITECTURE.md. */
  readonly owns: string;
  /** May import no `node:` module, no npm package, and use no clock, randomness, timer or I/O. */
  readonly pure?: true;
  readonly imports: Readonly<Record<string, "all" | "types">>;
  readonly npm?: Readonly<Record<string, "all" | "types" | "lazy">>;
}

const types = "types";
const all = "all";
const lazy = "lazy";

export const ROOMS: Readonly<Record<string, Room>> = {
  kernel: {
    owns: "the event loop: queue, two phases, commits, effects, recording and replay; knows no noun of the domain",
    pure: true,
    imports: {},
  },
  policy: { owns: "who may do what: rules compiled, matched and explained", pure: true, imports: {} },
  routing: {
    owns: "the state of a node: services, routes, keys; deciding between routes; the four kinds of plugin",
    pure: true,
    imports: { kernel: all, policy: types },
  },
  rpc: {
    owns: "the contracts between the parts, error codes, the guarded capnweb transport",
    imports: { kernel: types, routing: types, policy: types },
    npm: { zod: all, capnweb: all, ws: all },
  },
  config: {
    owns: "one schema; files, environment and flags merged, with the origin of each value",
    imports: { rpc: all },
    npm: { zod: all, "jsonc-parser": all },
  },
  "envoy/translate": {
    owns: "state to Envoy resources, one file per kind",
    pure: true,
    imports: { kernel: types, routing: types, policy: types },
  },
  envoy: {
    owns: "the xDS server over one cache of resources; the Envoy process: bootstrap, start, drain",
    imports: { kernel: all, routing: types, policy: types, rpc: all, telemetry: all },
    npm: { "@bufbuild/protobuf": all },
  },
  auth: {
    owns: "keys, key sets, tokens, API keys, and their server",
    imports: { rpc: all, config: types, policy: all, telemetry: all },
    npm: { jose: all, undici: all, "@peculiar/x509": lazy, "reflect-metadata": lazy },
  },
  gateway: {
    owns: "one graph of all GraphQL services: composition, plans, execution, its server",
    imports: { rpc: all, config: types, policy: all, telemetry: all },
    npm: {
      graphql: all,
      undici: all,
      "@graphql-hive/router-query-planner": all,
      "@theguild/federation-composition": all,
      "@graphql-yoga/render-graphiql": lazy,
    },
  },
  telemetry: {
    owns: "logs, metrics and traces, and their export",
    imports: { rpc: all, config: types },
    npm: {
      pino: all,
      "@opentelemetry/api": all,
      "@opentelemetry/exporter-metrics-otlp-proto": lazy,
      "@opentelemetry/exporter-trace-otlp-proto": lazy,
      "@opentelemetry/resources": lazy,
      "@opentelemetry/sdk-metrics": lazy,
      "@opentelemetry/sdk-trace": lazy,
    },
  },
  orchestrator: {
    owns: "the composition root: built-in plugins, effect runners, admin server, store, supervisor",
    imports: {
      kernel: all,
      routing: all,
      policy: all,
      rpc: all,
      config: all,
      envoy: all,
      auth: all,
      gateway: all,
      telemetry: all,
    },
    npm: { undici: all },
  },
  cli: {
    owns: "the verbs, one file each, and how answers are shown",
    imports: {
      config: all,
      rpc: all,
      orchestrator: all,
      auth: all,
      gateway: all,
      envoy: all,
      telemetry: all,
    },
    npm: { commander: all },
  },
};

/** The table as ARCHITECTURE.md shows it. */
export function roomTable(): string {
  const named = (entries: readonly string[]) => (entries.length === 0 ? "nothing" : entries.join(", "));
  const list = (allowed: Readonly<Record<string, string>>, sign: string) =>
    Object.entries(allowed).map(([name, how]) => `${sign}${name}${how === all ? "" : ` (${how})`}`);
  const rows = Object.entries(ROOMS).map(([name, room]) => {
    const npm = list(room.npm ?? {}, "").map((entry) => entry.replace(/^\S+/, "`$&`"));
    const pure = room.pure === true ? ", pure" : "";
    return `| \`${name}\`${pure} | ${room.owns} | ${named(list(room.imports, ""))} | ${named(npm)} |`;
  });
  return ["| room | owns | may import | packages |", "| --- | --- | --- | --- |", ...rows].join("\n");
}
