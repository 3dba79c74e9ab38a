// A GraphQL service's place in the graph. An own one is there while it is up and its schema is known and usable; a learned one while
// its best path has a schema and, when it is of another organization, the import rule that accepted it says how it joins. Where
// both exist the own, healthy one is the best path and so the one in the graph. The gateway's own verdict does not take the want
// away: it composes without what it refuses and tries again with every new set, so a conflict that another service caused ends
// by itself. Invariant: a commit costs its changed names, and routes of other protocols nearly nothing.

import { organizationOf } from "#routing";
import type { Best, GraphWant, IServicePlugin, OrgName, Path, ServiceName } from "#routing";
import { follow, type Followed, healthyUrls } from "./follow.ts";
import { usable } from "./imports.ts";

/** The origin's own limit is not told; what is passed on has to fit into the request's deadline. */
const LEARNED_TIMEOUT_MS = 5_000;

export function graph(): IServicePlugin {
  return {
    name: "graph",
    apiVersion: 1,
    react(commit, view, out) {
      const own = organizationOf(view.node);
      const push = (key: ServiceName): void => {
        const service = view.services.get(key);
        const learned = learnedWant(key, view.routes.best(key), own);
        const want = learned ?? (service === undefined ? undefined : graphWant(service));
        out.push({ kind: "graph", key, want });
      };
      follow(commit, graphWant, push);
      commit.changes.routes.forEach(({ before, after }, key) => {
        if (isGraph(before) || isGraph(after)) push(key);
      });
    },
  };
}

export function graphWant(service: Followed): GraphWant | undefined {
  const { name, protocol, schema, quarantine, timeoutMs } = service;
  if (protocol !== "http:graphql" || service.health !== "up" || schema === undefined) return undefined;
  if (quarantine?.some(({ by }) => by === "schema")) return undefined;
  return { service: name, kind: schema.kind, sdl: schema.hash, urls: healthyUrls(service), timeoutMs };
}

/** Undefined when the own service is well, or no path says anything that can join the graph. */
function learnedWant(key: ServiceName, best: Best | undefined, own: OrgName): GraphWant | undefined {
  if (best === undefined || best[0]?.own === true) return undefined;
  // As for Envoy: an own service that is not well yields.
  const learned = best.filter(usable);
  const [first] = learned;
  if (first?.protocol !== "http:graphql") return undefined;
  const { schema } = first.attributes;
  const foreign = foreignTerms(first, own);
  if (schema === undefined || foreign === undefined) return undefined;
  const nodes = learned.filter((path) => path.attributes.schema === schema).map(({ peerName }) => peerName);
  return {
    service: key,
    sdl: schema,
    // The peer's Envoy knows the path of the endpoint.
    urls: [`http://${key}/`],
    timeoutMs: LEARNED_TIMEOUT_MS,
    learnedFrom: nodes,
    ...(foreign === "internal" ? {} : { foreign }),
  };
}

/** Undefined = it is another organization's, and no rule lets it in. */
function foreignTerms(path: Path, own: OrgName): GraphWant["foreign"] | "internal" {
  const organization = organizationOf(path.origin);
  // What another organization tells is foreign, whoever it names as the origin.
  if (path.internal && organization === own) return "internal";
  const terms = path.verdict.graph;
  if (terms === undefined) return undefined;
  const { prefix = prefixOf(organization), shared = [] } = terms;
  return { organization, prefix, shared };
}

/** "globex.catalyst.internal" → "globex", as a GraphQL name. */
function prefixOf(organization: OrgName): string {
  const label = (organization.split(".")[0] ?? "").replaceAll(/[^A-Za-z0-9]/g, "_").replace(/^_+/, "");
  return /^[A-Za-z]/.test(label) ? label : `org_${label}`;
}

function isGraph(best: Best | undefined): boolean {
  for (const { protocol } of best ?? []) if (protocol === "http:graphql") return true;
  return false;
}
