// State in, Envoy resources out: testdata/NAME.in.json → NAME.out.json, read back from the very bytes Envoy would get
// (rewrite with --test-update-snapshots). Each golden is checked twice more by others than us: Envoy's own descriptors
// decode the bytes to the same JSON, and the real Envoy accepts the resources in `--mode validate`.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { fromBinary, toJson } from "@bufbuild/protobuf";
import type { EnvoyExportWant, EnvoyImportWant, EnvoyServiceWant, TrustKeys } from "#routing";
import { needs } from "../../test/kit/needs.ts";
import { extractDescriptors } from "../../tools/generate-envoy.ts";
import { EnvoyConfigurator } from "./configurator.ts";
import { certificateOf, organization } from "./peering.common-case.ts";
import { PeeringConfigurator } from "./peering.ts";
import { collector } from "./process/collector.ts";
import { publishedResources } from "./resources.ts";
import { envoyBinary, folder, quiet } from "./testing.ts";
import { registryOf } from "./testing-xds.ts";
import { staticBootstrap } from "./testing-static.ts";
import type { EnvoyBase, PeeringBase } from "./translate/index.ts";
import { TYPES, XdsServer } from "./xds/index.ts";

interface Input {
  readonly base?: Partial<EnvoyBase>;
  readonly keys?: null;
  readonly services?: readonly EnvoyServiceWant[];
  /** Instead of ingress: the listeners between nodes. */
  readonly peering?: {
    readonly listeners: PeeringBase;
    readonly between?: "none";
    readonly certificate: boolean;
    /** Organization → nodes. */
    readonly trust: Readonly<Record<string, readonly string[]>>;
    readonly imports: readonly EnvoyImportWant[];
    readonly exports: readonly EnvoyExportWant[];
  };
}

const DATA = join(import.meta.dirname, "testdata");
const CASES = readdirSync(DATA)
  .filter((file) => file.endsWith(".in.json"))
  .map((file) => file.slice(0, -".in.json".length));

const BASE: EnvoyBase = {
  node: "edge1.acme.catalyst.internal",
  identity: "own",
  listen: { address: "127.0.0.1", port: 10_000 },
  gateway: { path: "/run/catalyst/gateway-http.sock" },
  auth: { path: "/run/catalyst/auth-http.sock" },
  bodyLimitBytes: 1_048_576,
};

const KEYS: TrustKeys = {
  revision: 1,
  issuer: "edge1.acme.catalyst.internal",
  audience: "acme.catalyst.internal",
  jwks: JSON.stringify({
    keys: [
      {
        alg: "ES384",
        crv: "P-384",
        kid: "sample",
        kty: "EC",
        use: "sig",
        x: "FzYNKg_1kpDGZkx-1YNgPMbxsJWNfdvTuWwtYYCwtlfDFZrMi6AHj0uLGpY0A8Vn",
        y: "QX4pg9OMIJfHGbLE7A-IeAqOy6Alt4Hn50OGDVdQsqMObJmpbJEo_vqFtXhcmCIC",
      },
    ],
  }),
};

/** The server after one flush; `mirror` turns the order of the wants around. */
async function published(name: string, mirror = false): Promise<{ server: XdsServer; refused: unknown }> {
  const input = JSON.parse(readFileSync(join(DATA, `${name}.in.json`), "utf8")) as Input;
  const server = new XdsServer({ log: quiet });
  if (input.peering !== undefined) return publishedPeering(server, input.peering, mirror);
  const configurator = new EnvoyConfigurator(server);
  configurator.setBase({ ...BASE, ...input.base });
  if (input.keys === undefined) configurator.setKeys(KEYS);
  const services = input.services ?? [];
  for (const want of mirror ? services.toReversed() : services) configurator.setService(want.service, want);
  await configurator.flush();
  return { server, refused: configurator.quarantined() };
}

const scope = { after };
const CAS = new Map(
  await Promise.all(
    ["acme", "globex", "initech"].map(async (name) => {
      const ca = await organization(scope, `${name}.catalyst.internal`);
      return [ca.organization, ca] as const;
    }),
  ),
);
const caOf = (name: string): NonNullable<ReturnType<typeof CAS.get>> => {
  const ca = CAS.get(name);
  assert.ok(ca, `no CA for ${name}`);
  return ca;
};
const CAS_PEM = [...CAS.values()].map((ca) => ca.certificatePem).join("\n");
const OWN = await certificateOf(scope, caOf("acme.catalyst.internal"), "edge1.acme.catalyst.internal");

async function publishedPeering(
  server: XdsServer,
  input: NonNullable<Input["peering"]>,
  mirror: boolean,
): Promise<{ server: XdsServer; refused: unknown }> {
  const turned = <T>(list: readonly T[]): readonly T[] => (mirror ? list.toReversed() : list);
  const configurator = new PeeringConfigurator(server, undefined, input.between);
  configurator.setListeners(input.listeners);
  for (const [name, nodes] of turned(Object.entries(input.trust)))
    configurator.setTrust(name, { nodes: turned(nodes), pem: caOf(name).certificatePem });
  if (input.certificate) configurator.setNodeCertificate(OWN);
  for (const want of turned(input.exports)) configurator.setExport(want.service, want);
  for (const want of turned(input.imports)) configurator.setImport(want.service, want);
  await configurator.flush();
  return { server, refused: configurator.quarantined() };
}

/** Certificates are other ones in each run. */
function withoutPem(text: string): string {
  let out = text.replaceAll(JSON.stringify(OWN.certificate), '"@CERTIFICATE@"');
  for (const [name, ca] of CAS) out = out.replaceAll(JSON.stringify(ca.certificatePem), `"@CA of ${name}@"`);
  return out;
}

/** What resources name of the bootstrap. */
function withCollector(name: string, resources: Record<string, unknown[]>): Record<string, unknown[]> {
  const { base } = JSON.parse(readFileSync(join(DATA, `${name}.in.json`), "utf8")) as Input;
  if (base?.telemetry === undefined) return resources;
  const headers = Object.fromEntries(base.telemetry.headers.map((each) => [each, "secret"]));
  const options = { ...base.telemetry, headers, intervalMs: 10_000, roots: CAS_PEM };
  const { cluster, secrets } = collector(BASE.node, options);
  return {
    ...resources,
    cluster: [...(resources["cluster"] ?? []), cluster],
    secret: [...(resources["secret"] ?? []), ...secrets],
  };
}

const grouped = (server: XdsServer): Record<string, unknown[]> =>
  Object.fromEntries(
    TYPES.map((type) => [type, publishedResources(server, { type }).map((r) => r.resource)] as const).filter(
      ([, list]) => list.length > 0,
    ),
  );

for (const name of CASES)
  test(`golden ${name}`, async (t) => {
    const { server, refused } = await published(name);
    const plain: unknown = JSON.parse(withoutPem(JSON.stringify({ ...grouped(server), refused })));
    t.assert.fileSnapshot(plain, join(DATA, `${name}.out.json`), {
      serializers: [(value: unknown) => `${layout(value, "")}\n`],
    });
  });

/** JSON where whatever fits stays on one line: a page to read instead of ten. */
function layout(value: unknown, indent: string): string {
  const line = JSON.stringify(value);
  if (typeof value !== "object" || value === null || indent.length + line.length <= 140) return line;
  const inner = `${indent}  `;
  if (Array.isArray(value))
    return `[\n${value.map((item) => inner + layout(item, inner)).join(",\n")}\n${indent}]`;
  const fields = Object.entries(value).map(
    ([key, item]) => `${inner}${JSON.stringify(key)}: ${layout(item, inner)}`,
  );
  return `{\n${fields.join(",\n")}\n${indent}}`;
}

test("the same state gives the same bytes, whatever the order it came in", async () => {
  const versions = (server: XdsServer): unknown[] =>
    publishedResources(server)
      .map((r) => `${r.type}/${r.name} ${r.version}`)
      .toSorted();
  // Who of two rivals comes first wins, so without them.
  for (const name of CASES.filter((c) => c !== "services")) {
    const [one, two] = [await published(name), await published(name, true)];
    assert.deepEqual(versions(one.server), versions(two.server));
  }
});

test("Envoy's own descriptors read what we wrote", needs("envoy"), async () => {
  const registry = registryOf(extractDescriptors(await envoyBinary()).values());
  const message = {
    secret: "envoy.extensions.transport_sockets.tls.v3.Secret",
    cluster: "envoy.config.cluster.v3.Cluster",
    endpoint: "envoy.config.endpoint.v3.ClusterLoadAssignment",
    extension: "envoy.config.core.v3.TypedExtensionConfig",
    listener: "envoy.config.listener.v3.Listener",
    route: "envoy.config.route.v3.RouteConfiguration",
    scope: "envoy.config.route.v3.ScopedRouteConfiguration",
  } as const;
  for (const name of CASES) {
    const { server } = await published(name);
    for (const { type, name: resource, bytes } of server.resources()) {
      const schema = registry.getMessage(message[type]);
      assert.ok(schema);
      const theirs = toJson(schema, fromBinary(schema, bytes), { registry, useProtoFieldName: true });
      const ours = publishedResources(server, { type, name: resource })[0]?.resource;
      assert.deepEqual(comparable(ours), comparable(theirs), `${name}: ${type}/${resource}`);
    }
  }
});

/** Zero values may be written or left out, and keys are redacted on our side. */
function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value === "string" && /^\d+(\.\d+)?s$/.test(value)) return `${Number.parseFloat(value)}s`;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, item]) => key !== "private_key" && !(isEmpty(item) && !ALWAYS.has(key)))
      .map(([key, item]) => [key, comparable(item)])
      .toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
  );
}

const ALWAYS = new Set(["ads", "present_match", "policies"]);
const isEmpty = (item: unknown): boolean =>
  item === false ||
  item === 0 ||
  item === "" ||
  (Array.isArray(item) && item.length === 0) ||
  ["AUTO", "ALLOW", "STATIC", "EQ", "APPEND_IF_EXISTS_OR_ADD"].includes(String(item));

test("the real Envoy accepts every golden", needs("envoy", "openssl"), async (t) => {
  const dir = await folder(t);
  const pem = (name: string): string => readFileSync(join(dir, name), "utf8");
  execFileSync(
    "openssl",
    [
      ...[
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
      ],
      ...["-subj", "/CN=test", "-keyout", join(dir, "key"), "-out", join(dir, "certificate")],
    ],
    { stdio: "ignore" },
  );
  const binary = await envoyBinary();
  for (const name of CASES) {
    const { server } = await published(name);
    const file = join(dir, `${name}.json`);
    const key = name.startsWith("peering") ? OWN.key : pem("key");
    const text = JSON.stringify(staticBootstrap(withCollector(name, grouped(server))))
      .replace('"@CERTIFICATE@"', JSON.stringify(pem("certificate")))
      .replace('"[redacted]"', JSON.stringify({ inline_string: key }));
    writeFileSync(file, text);
    const run = spawnSync(binary, ["--mode", "validate", "-c", file, "--log-level", "warning"], {
      encoding: "utf8",
    });
    assert.equal(run.status, 0, `${name}: ${run.stderr}`);
    assert.doesNotMatch(run.stderr, /deprecated|unknown field/i, name);
  }
});
