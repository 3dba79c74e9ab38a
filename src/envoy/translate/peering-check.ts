// Whether a want between nodes can be said at all. What is refused here would make Envoy refuse the resource, or would say
// more than was meant; the words go into the quarantine of that one service.

import type { EnvoyExportWant, EnvoyImportWant, OrgName, PeerPath, Protocol, ServiceName } from "#routing";
import { hostPort, isHostName } from "./address.ts";
import { HEALTH_HOST, PATHS_MAX, isNodeName } from "./peering-names.ts";
import type { PeeringTrust } from "./peering-names.ts";

/** Why not. ERR_NOT_FOUND: trust may still come, and then it is looked at again. */
export interface PeeringRefusal {
  readonly code: "ERR_INVALID_ARGUMENT" | "ERR_NOT_FOUND" | "ERR_LIMIT";
  readonly text: string;
}

type Trust = ReadonlyMap<OrgName, PeeringTrust>;

const invalid = (text: string): PeeringRefusal => ({ code: "ERR_INVALID_ARGUMENT", text });

export function checkImport(trust: Trust, want: EnvoyImportWant): PeeringRefusal | undefined {
  const bad = want.aliases?.find((alias) => !isHostName(alias) || alias === HEALTH_HOST);
  if (bad !== undefined) return invalid(`"${bad}" cannot be a name of a service`);
  return checkName(want.service, want.protocol) ?? checkPaths(trust, want.paths);
}

export function checkExport(trust: Trust, want: EnvoyExportWant): PeeringRefusal | undefined {
  const refusal = checkName(want.service, want.protocol);
  if (refusal !== undefined) return refusal;
  const bad = want.to.find((node) => !isNodeName(node));
  if (bad !== undefined) return invalid(`"${bad}" is no name of a node`);
  const { target } = want;
  if (target.kind === "paths") return checkPaths(trust, target.paths);
  if (target.endpoints.length === 0) return invalid(`${want.service} has no endpoint`);
  for (const endpoint of target.endpoints)
    if (hostPort(endpoint) === undefined) return invalid(`endpoint "${endpoint}" is not host:port`);
  if (target.basePath !== undefined && !/^\/[A-Za-z0-9._~!$&'()*+,;=:@/-]*$/.test(target.basePath))
    return invalid(`"${target.basePath}" cannot be the path of an endpoint`);
  return undefined;
}

function checkName(service: ServiceName, protocol: Protocol): PeeringRefusal | undefined {
  if (!isHostName(service) || service === HEALTH_HOST) return invalid(`"${service}" cannot be a service`);
  if (protocol !== "http" && protocol !== "http:graphql")
    return invalid(`${protocol} is not carried between nodes yet`);
  return undefined;
}

function checkPaths(trust: Trust, paths: readonly PeerPath[]): PeeringRefusal | undefined {
  if (paths.length === 0) return invalid("there is no path");
  if (paths.length > PATHS_MAX) return { code: "ERR_LIMIT", text: `there are over ${PATHS_MAX} paths` };
  if (new Set(paths.map((p) => p.node)).size !== paths.length) return invalid("a node is named twice");
  for (const { node, organization, address } of paths) {
    if (!isNodeName(node) || !node.endsWith(`.${organization}`))
      return invalid(`"${node}" is no node of "${organization}"`);
    if (hostPort(address) === undefined) return invalid(`address "${address}" is not host:port`);
    if (trust.get(organization)?.nodes.includes(node) !== true)
      return { code: "ERR_NOT_FOUND", text: `there is no trust in ${node}` };
  }
  return undefined;
}
