// A GraphQL service's place in the graph: it is there while it is up, its schema is known and usable. The
// gateway's own verdict does not take the want away: it composes without what it refuses and tries again with
// every new set, so a conflict that another service caused ends by itself.

import type { GraphWant, IServicePlugin } from "#routing";
import { follow, type Followed, healthyUrls } from "./follow.ts";

export function graph(): IServicePlugin {
  return {
    name: "graph",
    apiVersion: 1,
    react(commit, _view, out) {
      follow(commit, graphWant, (key, want) => out.push({ kind: "graph", key, want }));
    },
  };
}

export function graphWant(service: Followed): GraphWant | undefined {
  const { name, protocol, schema, quarantine, timeoutMs } = service;
  if (protocol !== "http:graphql" || service.health !== "up" || schema === undefined) return undefined;
  if (quarantine?.some(({ by }) => by === "schema")) return undefined;
  return { service: name, kind: schema.kind, sdl: schema.hash, urls: healthyUrls(service), timeoutMs };
}
