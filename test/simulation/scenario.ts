// A network and what befalls it, drawn from a seed: organizations, nodes, links with roles, services, and a list of faults. The seed
// names the run; the list of faults is data, so that a failing run can be shrunk to the few that matter.

import type { Random } from "#kernel";
import type { OnLoss, PeerRole } from "#routing";
import { seeded } from "../kit/virtual-clock.ts";

export interface LinkPlan {
  readonly a: string;
  readonly b: string;
  readonly delayMs: number;
  /** What b is to a. */
  readonly role: PeerRole;
  /** Both may dial, or one of them. */
  readonly dials: "a" | "b" | "both";
}

export interface ServicePlan {
  readonly node: string;
  readonly key: string;
  readonly scope: "organization" | "direct" | "transitive";
}

export type Fault = { readonly at: number } & (
  | { readonly kind: "service.change" | "service.end" | "service.new"; readonly service: number }
  | { readonly kind: "cut"; readonly link: number; readonly both: boolean; readonly forMs: number }
  | { readonly kind: "reset"; readonly link: number }
  | { readonly kind: "slow"; readonly link: number; readonly delayMs: number; readonly forMs: number }
  | {
      readonly kind: "crash";
      readonly node: string;
      readonly silent: boolean;
      readonly forMs: number;
      readonly disk: "whole" | "tail" | "torn" | "none";
    }
  | { readonly kind: "stall"; readonly node: string; readonly forMs: number }
  /** As its operator stops it: it is left first, then it ends and is back after a while. */
  | { readonly kind: "stop"; readonly node: string; readonly forMs: number }
  /** Another set of names that this node neither takes from nor gives to other organizations. */
  | {
      readonly kind: "rules";
      readonly node: string;
      readonly side: "imports" | "exports";
      readonly key: string;
    }
  | { readonly kind: "down" | "up"; readonly link: number }
  | { readonly kind: "lie"; readonly link: number; readonly how: "schema" | "limit" | "forged" | "replay" }
);

export interface Scenario {
  readonly seed: number;
  readonly nodes: readonly string[];
  readonly links: readonly LinkPlan[];
  readonly services: readonly ServicePlan[];
  readonly onLoss: OnLoss;
  readonly faults: readonly Fault[];
  /** A broken layer below: frames are lost, repeated, exchanged. */
  readonly lossy: boolean;
  readonly forMs: number;
  /** What a node must not be without once it had it, whatever befalls others. */
  readonly keeps?: readonly { readonly node: string; readonly key: string }[];
  /** To what a node must always have a way that leads there, over nodes that run, once it had one. */
  readonly reaches?: readonly { readonly node: string; readonly key: string }[];
}

const ORGS = ["acme.test", "globex.test", "initech.test"];
const FAULTS_MS = 60_000;

export interface Bounds {
  readonly nodes: number;
  readonly services: number;
  readonly faults: number;
}

export const SMALL: Bounds = { nodes: 6, services: 8, faults: 10 };

export function scenario(seed: number, bounds: Bounds = SMALL): Scenario {
  const random = seeded(seed);
  const upTo = (most: number) => Math.floor(random.next() * most);
  const chance = (part: number) => random.next() < part;
  const pick = <T>(all: readonly T[]): T => all[upTo(all.length)] as T;

  const size = 2 + upTo(bounds.nodes - 1);
  const nodes = Array.from({ length: size }, (_, at) => `n${at}.${at < 2 ? ORGS[at % 2] : pick(ORGS)}`);
  const links: LinkPlan[] = [];
  const join = (a: string, b: string) => {
    const known = links.some((link) => (link.a === a && link.b === b) || (link.a === b && link.b === a));
    if (!known && a !== b) links.push(linkOf(a, b, random));
  };
  // A tree joins everything; some more make cycles.
  nodes.forEach((node, at) => at > 0 && join(nodes[upTo(at)] as string, node));
  for (let extra = upTo(size + 1); extra > 0; extra--) join(pick(nodes), pick(nodes));

  const services = Array.from({ length: 1 + upTo(bounds.services) }, (_, at): ServicePlan => {
    const node = pick(nodes);
    const scope = chance(0.7) ? "transitive" : chance(0.5) ? "direct" : "organization";
    return { node, key: `s${at % 6}.${orgOf(node)}`, scope };
  }).filter((one, at, all) => all.findIndex(({ node, key }) => node === one.node && key === one.key) === at);

  const lossy = chance(0.25);
  const faults = Array.from({ length: upTo(bounds.faults + 1) }, () =>
    faultOf(random, { nodes, links, services }),
  ).sort((a, b) => a.at - b.at);
  const onLoss = pick<OnLoss>(["keep", "depreference", "depreference", "withdraw"]);
  return { seed, nodes, links, services, onLoss, faults, lossy, forMs: FAULTS_MS };
}

export const orgOf = (node: string): string => node.slice(node.indexOf(".") + 1);

function linkOf(a: string, b: string, random: Random): LinkPlan {
  const [orgA, orgB] = [orgOf(a), orgOf(b)];
  // Providers stand before their customers in the list: no organization is its own provider's provider.
  const lateral = (ORGS.indexOf(orgA) + ORGS.indexOf(orgB)) % 2 === 0;
  const role: PeerRole =
    orgA === orgB
      ? "internal"
      : lateral
        ? "lateral"
        : ORGS.indexOf(orgA) < ORGS.indexOf(orgB)
          ? "customer"
          : "provider";
  const dials = random.next() < 0.6 ? "both" : random.next() < 0.5 ? "a" : "b";
  return { a, b, delayMs: 1 + Math.floor(random.next() * 40), role, dials };
}

function faultOf(
  random: Random,
  { nodes, links, services }: Pick<Scenario, "nodes" | "links" | "services">,
): Fault {
  const upTo = (most: number) => Math.floor(random.next() * most);
  const pick = <T>(all: readonly T[]): T => all[upTo(all.length)] as T;
  const at = upTo(FAULTS_MS);
  const forMs = 50 + upTo(random.next() < 0.3 ? 30_000 : 3_000);
  const link = upTo(links.length);
  const service = upTo(services.length);
  const node = pick(nodes);
  const kinds: readonly (() => Fault)[] = [
    () => ({ at, kind: "service.change", service }),
    () => ({ at, kind: "service.end", service }),
    () => ({ at, kind: "service.end", service }),
    () => ({ at, kind: "service.new", service }),
    () => ({ at, kind: "cut", link, both: random.next() < 0.6, forMs }),
    () => ({ at, kind: "reset", link }),
    () => ({ at, kind: "slow", link, delayMs: 100 + upTo(900), forMs }),
    () => ({
      at,
      kind: "crash",
      node,
      silent: random.next() < 0.5,
      forMs,
      disk: pick(["whole", "tail", "torn", "none"]),
    }),
    () => ({ at, kind: "stall", node, forMs }),
    () => ({ at, kind: "stop", node, forMs }),
    () => ({
      at,
      kind: "rules",
      node,
      side: pick(["imports", "exports"]),
      key: services[service]?.key ?? "",
    }),
    // Last words can be lost, and then only a dial of the other side tells; who cannot dial keeps stale routes for a day.
    () =>
      links[link]?.dials === "a" ? { at, kind: "reset", link } : { at, kind: pick(["down", "up"]), link },
    () => ({ at, kind: "lie", link, how: pick(["schema", "limit", "forged", "replay"]) }),
  ];
  return pick(kinds)();
}
