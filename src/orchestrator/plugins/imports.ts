// The place of a learned service in this node's own Envoy: its best paths, one a next hop, so that a dead one fails over inside
// Envoy without us. Where the own service is well nobody goes elsewhere, and a path whose origin says that the service is down is
// none. The way to a peer (`reach`) only orders: Envoy itself sees a dead next hop first, and has to see it come back.
// Invariant: a commit costs its changed names; the want follows from the best paths alone.

import type { Best, EnvoyImportWant, IRouteTablePlugin, NodeName, Path, PeerPath } from "#routing";
import { fullName, organizationOf, type ServiceName } from "#routing";

export function imports(): IRouteTablePlugin {
  return {
    name: "imports",
    apiVersion: 1,
    react({ changes }, { node }, out) {
      changes.routes.forEach(({ before, after }, key) => {
        const want = importWant(key, after, node);
        // An equal want changes nothing, so what was wanted before need not be made again; without a path it was nothing.
        if (want !== undefined || before !== undefined) out.push({ kind: "envoy.import", key, want });
      });
    },
  };
}

function importWant(
  service: ServiceName,
  best: Best | undefined,
  node: NodeName,
): EnvoyImportWant | undefined {
  const first = best?.[0];
  if (best === undefined || first === undefined || first.own) return undefined;
  const learned = best.every(usable) ? best : best.filter(usable);
  const protocol = learned[0]?.protocol;
  if (protocol === undefined || !isCarried(protocol)) return undefined;
  const want = { service, protocol, paths: peerPaths(learned) };
  return learned.some(isAliased) ? { ...want, ...aliasesOf(service, learned, node) } : want;
}

const isAliased = ({ verdict }: Path): boolean => verdict.alias !== undefined;

function aliasesOf(service: ServiceName, learned: Best, node: NodeName): Pick<EnvoyImportWant, "aliases"> {
  const aliases = new Set<ServiceName>();
  for (const { verdict } of learned) {
    // A rule may say it short; a name outside the own organization is not ours to give.
    const alias = verdict.alias === undefined ? undefined : fullName(verdict.alias, node);
    if (alias !== undefined && alias !== service) aliases.add(alias);
  }
  return aliases.size === 0 ? {} : { aliases: [...aliases].sort() };
}

/** Protocols that Envoy carries between nodes so far. */
export const isCarried = (protocol: Path["protocol"]): boolean =>
  protocol === "http" || protocol === "http:graphql";

/** Learned, and its origin does not say that the service is down. */
export const usable = (path: Path): boolean => path.peer.terms.local !== true && path.health !== "down";

/** Paths that share a course share what is made of it: a node holds hundreds of thousands. */
const known = new WeakMap<Path["course"], readonly [PeerPath]>();

/** Best first, each next hop once; all of the protocol of the first. */
export function peerPaths(paths: readonly Path[]): readonly PeerPath[] {
  const [first, ...others] = paths;
  if (first === undefined) return [];
  const list = [...peerPath(first)];
  for (const path of others) {
    const [next] = peerPath(path);
    if (path.protocol === first.protocol && list.every(({ node }) => node !== next.node)) list.push(next);
  }
  return list.length === 1 ? peerPath(first) : list;
}

function peerPath({ course }: Path): readonly [PeerPath] {
  const made = known.get(course);
  if (made !== undefined) return made;
  const { nextHop: node, nextHopAddress: address } = course;
  const path = [{ node, organization: organizationOf(node), address }] as const;
  known.set(course, path);
  return path;
}
