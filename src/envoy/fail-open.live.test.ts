// The forms Envoy accepts and that leave a filter open (measured list, docs/internals/envoy.md). Each is shown three ways: a
// real Envoy takes it and lets a request through that it must not; our last guard finds it; and where the types can forbid
// it, the compiler refuses it (the @ts-expect-error lines below). So each guard is known to have a reason.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { needs } from "../../test/kit/needs.ts";
import { encode } from "./encode.ts";
import type { Any, Messages } from "./generated/messages.ts";
import {
  Signer,
  ask,
  echo,
  envoyBinary,
  folder,
  freePorts,
  reachable,
  serve,
  spawnEnvoy,
} from "./testing.ts";
import { staticBootstrap } from "./testing-static.ts";
import {
  clusterOf,
  firstRoutes,
  hostForm,
  serviceCluster,
  ingressListener,
  jwtExtension,
  lastRoutes,
  openInCluster,
  openInExtension,
  openInHost,
  openInListener,
  openInRoute,
  partCluster,
  serviceMetadata,
} from "./translate/index.ts";
import type { Cluster, EnvoyBase, Extension, Listener, Route, VirtualHost } from "./translate/index.ts";

interface World {
  extension: Extension;
  listener: Listener;
  routes: Route[];
  hosts: VirtualHost[];
  /** Of the service. */
  cluster: Cluster;
}

/** How a form is asked about: what is answered by what the translator writes, and by the form. */
interface Form {
  readonly name: string;
  /** Changes what the translator wrote, as nobody should. */
  readonly spoil: (world: Json) => void;
  readonly path?: string;
  readonly host?: string;
  /** Claims of the token that is sent; absent = none. */
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly closed: number;
  /** By the form: 200 if not said. */
  readonly spoilt?: number;
}

// Plain JSON on purpose: what is done to it here cannot be said in the types.
type Json = { [key: string]: Json } & { [index: number]: Json };

const SERVICE = "files.acme.catalyst.internal";
const OTHER = "another.acme.catalyst.internal";
const OTHER_CLUSTER = clusterOf(OTHER);
const RBAC_ROUTE = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBACPerRoute";
const json = (value: unknown): Json => value as Json;
const at = (value: Json | undefined, ...path: readonly (string | number)[]): Json => {
  let here = value;
  for (const step of path) here = here?.[step];
  assert.ok(here !== undefined, path.join("."));
  return here;
};
const isList = (value: unknown): value is Json[] => Array.isArray(value);
/** The list itself, so that it can be spoilt. */
const list = (value: Json, name: string): Json[] => {
  const members: unknown = value[name];
  assert.ok(isList(members), name);
  return members;
};
/** What was spoilt goes to Envoy as if it were typed; that it is not is the point. */
const asTyped = (value: unknown): World => value as World;
const jwt = (world: Json): Json => at(world, "extension", "typed_config");
const filters = (world: Json): Json =>
  at(world, "listener", "filter_chains", 0, "filters", 0, "typed_config", "http_filters");
/** Everyone may use the routes, so that only jwt_authn stands between. */
const withoutRbac = (world: Json): void => {
  const all = { rbac: { rules: { action: "ALLOW", policies: { public: ANYONE } } } };
  for (const route of list(world, "routes"))
    at(route, "typed_per_filter_config")["catalyst.rbac.allow"] = json({ "@type": RBAC_ROUTE, ...all });
};
const ANYONE = { permissions: [{ any: true }], principals: [{ any: true }] };
const rules = (world: Json): Json[] => list(jwt(world), "rules");
const hostAllow = (world: Json, value: unknown): void => {
  at(world, "hosts", 0, "typed_per_filter_config")["catalyst.rbac.allow"] = json(value);
};

const serviceOf = (world: Json): Json =>
  at(world, "cluster", "metadata", "filter_metadata", "catalyst.service");

const JWT_FORMS: readonly Form[] = [
  {
    name: "the last rule without a requirement",
    spoil: (world) => delete (rules(world).at(-1) as Partial<Json>)["requirement_name"],
    closed: 401,
  },
  { name: "no last rule", spoil: (world) => rules(world).pop(), closed: 401 },
  {
    name: "a rule for everything first, without a requirement",
    spoil: (world) => rules(world).unshift(json({ match: { prefix: "/" } })),
    closed: 401,
  },
  {
    name: "allow_missing",
    spoil: (world) => (jwt(world)["requirement_map"] = json({ own: { allow_missing: {} } })),
    closed: 401,
  },
  {
    name: "allow_missing_or_failed",
    spoil: (world) => (jwt(world)["requirement_map"] = json({ own: { allow_missing_or_failed: {} } })),
    closed: 401,
  },
  {
    name: "jwt_authn disabled in the listener",
    spoil: (world) => (at(filters(world), 1)["disabled"] = json(true)),
    closed: 401,
  },
  {
    name: "jwt_authn disabled on the route",
    spoil: (world) => {
      for (const route of list(world, "routes"))
        at(route, "typed_per_filter_config")["catalyst.jwt"] = json({
          "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig",
          disabled: true,
        });
    },
    closed: 401,
  },
];

const scoped = { path: "/", host: SERVICE, claims: { scope: "another" }, closed: 403 } as const;
const RBAC_FORMS: readonly Form[] = [
  { name: "RBACPerRoute without rbac", spoil: (w) => hostAllow(w, { "@type": RBAC_ROUTE }), ...scoped },
  {
    name: "RBACPerRoute without rules",
    spoil: (w) => hostAllow(w, { "@type": RBAC_ROUTE, rbac: {} }),
    ...scoped,
  },
  {
    name: "FilterConfig that disables RBAC",
    spoil: (w) =>
      hostAllow(w, { "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", disabled: true }),
    ...scoped,
  },
  {
    name: "a policy for everyone",
    spoil: (w) =>
      hostAllow(w, { "@type": RBAC_ROUTE, rbac: { rules: { action: "ALLOW", policies: { x: ANYONE } } } }),
    ...scoped,
  },
  {
    name: "the listener's policy without its condition",
    spoil: (w) => {
      const policy = at(filters(w), 3, "typed_config", "rules", "policies", "scope");
      delete (policy as Partial<Json>)["condition"];
    },
    ...scoped,
  },
  {
    name: "a cluster that says it is another service's",
    spoil: (w) => (serviceOf(w)["label"] = json("another")),
    ...scoped,
  },
  {
    name: "a route that leads to another service's cluster",
    spoil: (w) => (at(w, "hosts", 0, "routes", 0, "route")["cluster"] = json(OTHER_CLUSTER)),
    ...scoped,
  },
  {
    name: "a cluster that does not say whose it is",
    spoil: (w) => delete (at(w, "cluster") as Partial<Json>)["metadata"],
    ...scoped,
    claims: { scope: "*" },
    closed: 200, // as it should be; without the word it is closed even to this token
    spoilt: 403,
  },
  {
    name: "a cluster of a service without name",
    spoil: (w) => (serviceOf(w)["name"] = json("")),
    ...scoped,
    claims: { scope: "*" },
    closed: 200,
    spoilt: 403,
  },
  {
    name: "the allow filter disabled in the listener",
    spoil: (w) => {
      at(filters(w), 3)["disabled"] = json(true);
      delete (at(w, "hosts", 0, "typed_per_filter_config") as Partial<Json>)["catalyst.rbac.allow"];
    },
    ...scoped,
  },
  {
    name: "the claims header of a client kept",
    spoil: (w) => {
      delete (at(w, "listener", "filter_chains", 0, "filters", 0, "typed_config") as Partial<Json>)[
        "early_header_mutation_extensions"
      ];
    },
    path: "/healthz",
    closed: 200, // seen only by what arrives behind it; the guard is what matters here
  },
];

function baseOf(dir: string, port: number): EnvoyBase {
  return {
    node: "edge1.acme.catalyst.internal",
    identity: "own",
    listen: { address: "127.0.0.1", port },
    gateway: { path: join(dir, "gateway.sock") },
    auth: { path: join(dir, "auth.sock") },
    bodyLimitBytes: 65_536,
  };
}

function worldOf(base: EnvoyBase, signer: Signer): World {
  const want = { service: SERVICE, protocol: "http", endpoints: ["127.0.0.1:1"], timeoutMs: 1_000 } as const;
  const ingress = { stripPrefix: false, hosts: [] };
  return {
    extension: jwtExtension("own", signer.keys()),
    listener: ingressListener(base),
    routes: [...firstRoutes(base), ...lastRoutes(base)],
    hosts: [hostForm("own", { ...want, ingress })],
    cluster: serviceCluster(want),
  };
}

const openIn = (world: World): string[] => [
  ...openInExtension(world.extension),
  ...openInListener("own", world.listener),
  ...world.routes.flatMap((route) => openInRoute("own", route)),
  ...world.hosts.flatMap((host) => openInHost("own", host)),
  ...openInCluster(world.cluster),
];

const pick = ({ metadata }: Cluster): Pick<Cluster, "metadata"> =>
  metadata === undefined ? {} : { metadata };

/** Fields that are not in our list do not pass the encoder either. */
function canBeWritten(world: World): boolean {
  try {
    encode("envoy.config.core.v3.TypedExtensionConfig", world.extension);
    encode("envoy.config.listener.v3.Listener", world.listener);
    for (const route of world.routes) encode("envoy.config.route.v3.Route", route);
    return true;
  } catch {
    return false;
  }
}

test("each form is open in Envoy, and found by the guard", needs("envoy"), async (t) => {
  const dir = await folder(t);
  const signer = new Signer();
  await serve(t, echo("gateway"), join(dir, "gateway.sock"));
  const cases: { form: Form; spoilt: boolean; port: number; world: Json }[] = [];
  const ports = await freePorts(2 * (JWT_FORMS.length + RBAC_FORMS.length));
  for (const [forms, prepare] of [
    [JWT_FORMS, withoutRbac],
    [RBAC_FORMS, () => {}],
  ] as const)
    for (const form of forms)
      for (const spoilt of [false, true]) {
        const port = ports.pop() ?? 0;
        const world = json(structuredClone(worldOf(baseOf(dir, port), signer)));
        prepare(world);
        if (spoilt) form.spoil(world);
        cases.push({ form, spoilt, port, world });
      }
  const base = baseOf(dir, 1);
  // Each case has the cluster of its own world; all of them end at one echo.
  const other = { ...partCluster(OTHER_CLUSTER, base.gateway), metadata: serviceMetadata(OTHER) };
  const clusters = [partCluster("gateway", base.gateway), partCluster("auth", base.gateway), other];
  const listeners = cases.map(({ world, port }) => {
    const { routes, hosts, extension, listener, cluster } = asTyped(world);
    const action = at(world, "hosts", 0, "routes", 0, "route");
    const name = `${cluster.name}#${port}`;
    if (at(action, "cluster") === json(cluster.name)) action["cluster"] = json(name);
    clusters.push({ ...partCluster(name, base.gateway), ...pick(cluster) });
    const virtual_hosts = [...hosts, { name: "node", domains: ["*"], routes }];
    const config = staticBootstrap({
      listener: [{ ...listener, name: `ingress-${port}` }],
      route: [{ name: "ingress", virtual_hosts }],
      extension: [extension],
    });
    return at(json(config), "static_resources", "listeners", 0);
  });
  const file = join(dir, "static.json");
  writeFileSync(file, JSON.stringify({ static_resources: { listeners, clusters } }));
  spawnEnvoy(t, await envoyBinary(), [
    "-c",
    file,
    "--disable-hot-restart",
    "--concurrency",
    "1",
    "--log-level",
    "error",
  ]);
  await reachable(cases.at(-1)?.port ?? 0);
  for (const { form, spoilt, port } of cases) {
    const headers = {
      ...(form.claims === undefined ? {} : signer.bearer(form.claims)),
      ...(form.host === undefined ? {} : { host: form.host }),
    };
    const { status } = await ask(port, { path: form.path ?? "/graphql", headers });
    assert.equal(
      status,
      spoilt ? (form.spoilt ?? 200) : form.closed,
      `${form.name}, ${spoilt ? "spoilt" : "as written"}`,
    );
  }
});

test("the guard finds each form, and nothing in what the translator writes", () => {
  const base = baseOf("/run", 1);
  const signer = new Signer();
  assert.deepEqual(openIn(worldOf(base, signer)), []);
  for (const form of [...JWT_FORMS, ...RBAC_FORMS]) {
    const world = structuredClone(worldOf(base, signer));
    form.spoil(json(world));
    assert.ok(openIn(world).length > 0 || !canBeWritten(world), form.name);
  }
  // What is right in one place is open in another.
  const world = worldOf(base, signer);
  const [publicRoute, host] = [world.routes[0], world.hosts[0]];
  assert.ok(publicRoute !== undefined && host !== undefined);
  assert.notDeepEqual(openInRoute("own", { ...publicRoute, match: { prefix: "/files" } }), []);
  assert.notDeepEqual(openInHost("own", { ...host, routes: [publicRoute] }), []);
  const none = ingressListener({ ...base, identity: "none" });
  assert.deepEqual(openInListener("none", none), []);
  assert.notDeepEqual(openInListener("own", none), []);
  const open = hostForm("none", {
    service: SERVICE,
    protocol: "http",
    endpoints: ["127.0.0.1:1"],
    timeoutMs: 1_000,
    ingress: { stripPrefix: false, hosts: [] },
  });
  assert.deepEqual(openInHost("none", open), []);
  assert.notDeepEqual(openInHost("own", open), []);
});

test("the compiler refuses what the list of fields leaves out", () => {
  type Of<N extends keyof Messages> = (message: Messages[N]) => void;
  const requirement: Of<"envoy.extensions.filters.http.jwt_authn.v3.JwtRequirement"> = () => {};
  const rule: Of<"envoy.extensions.filters.http.jwt_authn.v3.RequirementRule"> = () => {};
  const provider: Of<"envoy.extensions.filters.http.jwt_authn.v3.JwtProvider"> = () => {};
  const rbacRoute: Of<"envoy.extensions.filters.http.rbac.v3.RBACPerRoute"> = () => {};
  const match: Of<"envoy.config.route.v3.RouteMatch"> = () => {};
  const filter = (_: Any): void => {};
  // @ts-expect-error: no such requirement
  requirement({ allow_missing: {} });
  // @ts-expect-error: no such requirement
  requirement({ allow_missing_or_failed: {} });
  // @ts-expect-error: no rule without a requirement
  rule({ match: { prefix: "/" } });
  // @ts-expect-error: no provider without keys
  provider({ issuer: "x", audiences: [], require_expiration: true });
  // @ts-expect-error: rbac is required
  rbacRoute({});
  // @ts-expect-error: its rules are required
  rbacRoute({ rbac: {} });
  // @ts-expect-error: a field of another message
  match({ prefix: "/", timeout: "1s" });
  // @ts-expect-error: two members of one oneof
  match({ prefix: "/", path: "/" });
  // @ts-expect-error: FilterConfig is no message of ours
  filter({ "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", disabled: true });
});
