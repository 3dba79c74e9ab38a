// Names: an organization is a domain, a node and a service are names in it. Users may write a service's short
// name; inside, only the full name exists, for it is the route key. A name of another organization is never
// silently made one of ours.

import type { NodeName, OrgName, ServiceName } from "./service.ts";

/** "edge1.globex.catalyst.internal" → "globex.catalyst.internal" */
export function organizationOf(node: NodeName): OrgName {
  return node.slice(node.indexOf(".") + 1);
}

const LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
const NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);

/**
 * The full name of an own service as a user wrote it; undefined when it is no name, or one outside this
 * node's organization.
 */
export function fullName(name: string, node: NodeName): ServiceName | undefined {
  const organization = organizationOf(node);
  const full = name.includes(".") ? name : `${name}.${organization}`;
  // 253 characters is what DNS allows a name (RFC 1035 section 2.3.4, without the root).
  if (full.length > 253 || !full.endsWith(`.${organization}`) || !NAME.test(full)) return undefined;
  return full;
}

/** "reviews.globex.catalyst.internal" → "reviews" inside globex; any other name stays as it is. */
export function shortName(name: ServiceName, node: NodeName): string {
  const suffix = `.${organizationOf(node)}`;
  return name.endsWith(suffix) ? name.slice(0, -suffix.length) : name;
}
