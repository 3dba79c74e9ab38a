// What an operator may call a peer or a service by: the full name, or as much of its beginning as only one has. Pure.

import { CatalystError } from "#rpc";
import { fullName, type NodeName, type OrgName, type ServiceName, type StateView } from "#routing";
import type { Peering, PeerState } from "../peering/peering.ts";

/** Names listed in an error; the rest is counted. */
const NAMES_SHOWN = 5;

export function peerOf(peering: Pick<Peering, "peer" | "peers">, asked: string): PeerState {
  const exact = peering.peer(asked);
  if (exact !== undefined) return exact;
  const all = peering.peers();
  const begins = all.filter(({ intent }) => intent.node.startsWith(`${asked}.`));
  const found = begins.length > 0 ? begins : all.filter(({ intent }) => ofOrganization(intent, asked));
  const [only, ...more] = found;
  if (only === undefined)
    throw new CatalystError("ERR_NOT_FOUND", `no peer "${asked}"`, { hint: "catalyst peer list" });
  if (more.length > 0)
    throw ambiguous(
      asked,
      found.map(({ intent }) => intent.node),
    );
  return only;
}

const ofOrganization = ({ organization }: PeerState["intent"], asked: string): boolean =>
  organization === asked || organization.startsWith(`${asked}.`);

/** An organization by its full name, also one that no peer is of yet, or by the beginning of a peer's. */
export function organizationNamed(peering: Pick<Peering, "peers">, asked: string): OrgName {
  if (asked.includes(".")) return asked;
  const found = new Set(
    peering.peers().flatMap(({ intent }) => (ofOrganization(intent, asked) ? [intent.organization] : [])),
  );
  const [only, ...more] = found;
  if (more.length > 0) throw ambiguous(asked, [...found]);
  if (only !== undefined) return only;
  throw new CatalystError("ERR_NOT_FOUND", `no peer is of an organization "${asked}"`, {
    hint: "give its full name, or add a peer of it: catalyst peer add --help",
  });
}

/** The name itself, an own service's short name, or the only name in the table that begins with it. */
export function routeName(view: StateView, node: NodeName, asked: string): ServiceName {
  if (asked.includes(".")) return asked;
  const own = fullName(asked, node) ?? asked;
  if (view.services.has(own) || view.routes.candidates(own).length > 0) return own;
  const begins: ServiceName[] = [];
  for (const key of view.routes.keys()) if (key.startsWith(`${asked}.`)) begins.push(key);
  const [only, ...more] = begins;
  if (more.length > 0) throw ambiguous(asked, begins);
  return only ?? own;
}

function ambiguous(asked: string, names: readonly string[]): CatalystError {
  const shown = names.toSorted().slice(0, NAMES_SHOWN).join(", ");
  const rest = names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : "";
  return new CatalystError("ERR_INVALID_ARGUMENT", `"${asked}" may be ${shown}${rest}`, {
    hint: "give the full name",
  });
}
