// One service, translated, checked and encoded: what the configurator keeps of it. Checked means twice: that the want can be
// said at all (a refusal, told to its owner), and that what was written leaves nothing open (a defect of ours).

import { CatalystError } from "#rpc";
import type { EnvoyServiceWant } from "#routing";
import { encode } from "./encode.ts";
import { fragment } from "./ingress-routes.ts";
import type { Fragment } from "./ingress-routes.ts";
import {
  checkWant,
  hostForm,
  openInCluster,
  openInHost,
  openInRoute,
  prefixForm,
  serviceCluster,
  serviceEndpoints,
  serviceHosts,
} from "./translate/index.ts";
import type { IdentityMode, Refusal, Served } from "./translate/index.ts";
import { refOf } from "./xds/index.ts";
import type { Change } from "./xds/index.ts";

export interface Prepared {
  readonly cluster: Change;
  /** Without bytes when they stand inside the cluster. */
  readonly endpoints: Change;
  readonly routes: Fragment;
  /** Hosts and prefix that no other service may have. */
  readonly claims: readonly string[];
}

export type Prepare = (mode: IdentityMode, want: EnvoyServiceWant) => Prepared | Refusal;

/** Only http services are proxied at ingress: those of the graph are reached through the gateway. */
export const isProxied = (want: EnvoyServiceWant): boolean =>
  want.protocol === "http" && want.endpoints.length > 0;

export function prepareService(mode: IdentityMode, want: EnvoyServiceWant): Prepared | Refusal {
  const refusal = checkWant(want);
  if (refusal !== undefined) return refusal;
  const host = hostForm(mode, want);
  const prefixed = prefixForm(mode, want);
  assertClosed([...openInHost(mode, host), ...prefixed.flatMap((r) => openInRoute(mode, r))]);
  const { prefix } = want.ingress;
  return {
    ...clusterChanges(want),
    routes: fragment(want.service, host, prefix, prefixed),
    claims: [
      ...serviceHosts(want).map((h) => `host ${h}`),
      ...(prefix === undefined ? [] : [`prefix ${prefix}`]),
    ],
  };
}

/** Endpoints of their own need no name to be resolved: the cluster stands when Envoy has read both. */
export function clusterChanges(want: Served): Pick<Prepared, "cluster" | "endpoints"> {
  const cluster = serviceCluster(want);
  assertClosed(openInCluster(cluster));
  const { name } = cluster;
  const endpoints = serviceEndpoints(want);
  const atOnce = endpoints !== undefined;
  return {
    cluster: {
      type: "cluster",
      name,
      bytes: encode("envoy.config.cluster.v3.Cluster", cluster),
      needs: atOnce ? [refOf("endpoint", name)] : [],
      atOnce,
    },
    endpoints: {
      type: "endpoint",
      name,
      bytes: endpoints && encode("envoy.config.endpoint.v3.ClusterLoadAssignment", endpoints),
      atOnce,
    },
  };
}

/** The last guard: see translate/closed.ts. */
export function assertClosed(open: readonly string[]): void {
  if (open.length > 0)
    throw new CatalystError("ERR_INTERNAL", `Envoy would be left open: ${open.join("; ")}`);
}
