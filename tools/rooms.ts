// Which room may import which, kept once. `test/tidy.test.ts` reads every import against it; ARCHITECTURE.md shows it.
// "types" = `import type` only. node: modules are free outside the pure rooms; an npm package belongs to the rooms listed.

export interface Room {
  /** May import no `node:` module, no npm package, and use no clock, randomness, timer or I/O. */
  readonly pure?: true;
  readonly imports: Readonly<Record<string, "all" | "types">>;
  readonly npm?: Readonly<Record<string, "all" | "types" | "lazy">>;
}

const types = "types";
const all = "all";
const lazy = "lazy";

export const ROOMS: Readonly<Record<string, Room>> = {
  kernel: { pure: true, imports: {} },
  policy: { pure: true, imports: {} },
  routing: { pure: true, imports: { kernel: all, policy: types } },
  rpc: {
    imports: { kernel: types, routing: types, policy: types },
    npm: { zod: all, capnweb: all, ws: all },
  },
  config: { imports: { rpc: all }, npm: { zod: all, "jsonc-parser": all, "ipaddr.js": all } },
  "envoy/translate": { pure: true, imports: { kernel: types, routing: types, policy: types } },
  envoy: {
    imports: { kernel: all, routing: types, policy: types, rpc: all, telemetry: all },
    npm: { "@bufbuild/protobuf": all },
  },
  auth: {
    imports: { rpc: all, config: types, policy: all, telemetry: all },
    npm: { jose: all, undici: all, "@peculiar/x509": lazy, "reflect-metadata": lazy },
  },
  gateway: {
    imports: { rpc: all, config: types, policy: all, telemetry: all },
    npm: {
      graphql: all,
      undici: all,
      "@graphql-hive/router-query-planner": all,
      "@theguild/federation-composition": all,
      "graphql-yoga": lazy,
    },
  },
  telemetry: {
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
