// Resources that normally come by xDS, as one static bootstrap: `envoy --mode validate` reads them so (it contacts no xDS
// server), and a test can start an Envoy on a form the translator cannot write. Only *.test.ts import it.

export interface Resources {
  readonly cluster?: readonly unknown[];
  readonly endpoint?: readonly unknown[];
  readonly extension?: readonly unknown[];
  readonly listener?: readonly unknown[];
  readonly route?: readonly unknown[];
  readonly scope?: readonly unknown[];
  readonly secret?: readonly unknown[];
}

type Json = Readonly<Record<string, unknown>>;

const isJson = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export function staticBootstrap(resources: Resources, admin?: string): Json {
  const named = (list: readonly unknown[] | undefined, by: string, name: unknown): Json => {
    const found = list?.find((item) => isJson(item) && item[by] === name);
    if (!isJson(found)) throw new Error(`${String(name)} is missing`);
    return found;
  };
  const routesOf = (name: unknown): Json => ({
    ...named(resources.route, "name", name),
    validate_clusters: true,
  });
  /** Static scopes belong to one listener, ours are named after it; none at all cannot be said. */
  const scopesOf = ({ name, scope_key_builder }: Json): Json => {
    const scopes = (resources.scope ?? []).filter(isJson).flatMap((scope) => {
      const { route_configuration_name, ...rest } = scope;
      if (!String(scope["name"]).startsWith(`${String(name)}/`)) return [];
      return [{ ...rest, route_configuration: routesOf(route_configuration_name) }];
    });
    if (scopes.length === 0) return { route_config: { name, virtual_hosts: [] } };
    const list = { scoped_route_configurations: scopes };
    return { scoped_routes: { name, scope_key_builder, scoped_route_configurations_list: list } };
  };
  const inline = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(inline);
    if (!isJson(value)) return value;
    const { rds, scoped_routes, config_discovery, sds_config: _, eds_cluster_config, ...rest } = value;
    const out: Record<string, unknown> = Object.fromEntries(
      Object.entries(rest).map(([key, item]) => [key, inline(item)]),
    );
    if (isJson(rds)) out["route_config"] = routesOf(rds["route_config_name"]);
    if (isJson(scoped_routes)) Object.assign(out, scopesOf(scoped_routes));
    if (config_discovery !== undefined)
      out["typed_config"] = named(resources.extension, "name", value["name"])["typed_config"];
    if (eds_cluster_config !== undefined) {
      out["type"] = "STATIC";
      out["load_assignment"] = named(resources.endpoint, "cluster_name", value["name"]);
    }
    return out;
  };
  return {
    ...(admin === undefined ? {} : { admin: { address: { pipe: { path: admin, mode: 0o600 } } } }),
    static_resources: {
      clusters: inline(resources.cluster ?? []),
      listeners: inline(resources.listener ?? []),
      secrets: resources.secret ?? [],
    },
  };
}
