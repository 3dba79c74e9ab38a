// An http service's place in Envoy: its healthy endpoints and where it appears at ingress. Without a healthy
// endpoint it has none. GraphQL services have no place of their own: they are reached through /graphql only,
// where token scopes, limits and composition apply; a second way in by host would bypass them. Envoy's
// verdict does not take the want away: the Envoy part keeps the last good version in force and needs the
// newest want to try again.

import type { EnvoyServiceWant, IServicePlugin } from "#routing";
import { ascending, itself } from "./ascending.ts";
import { follow, type Followed, healthyUrls } from "./follow.ts";
import { hostPortOf, pathOf } from "./intent.ts";

export function envoy(): IServicePlugin {
  return {
    name: "envoy",
    apiVersion: 1,
    react(commit, _view, out) {
      follow(commit, envoyWant, (key, want) => out.push({ kind: "envoy.service", key, want }));
    },
  };
}

export function envoyWant(service: Followed): EnvoyServiceWant | undefined {
  if (service.protocol !== "http" || service.health !== "up") return undefined;
  const { name, protocol, ingress, timeoutMs } = service;
  const urls = healthyUrls(service);
  // The registry lets only endpoints with one path stand together.
  const path = pathOf(urls[0] ?? "");
  const hosts = ingress?.host === undefined || ingress.host === name ? [name] : [name, ingress.host];
  const stripPrefix = ingress?.stripPrefix ?? false;
  const endpoints = ascending(urls.map(hostPortOf), itself);
  return {
    service: name,
    protocol,
    endpoints,
    ...(path === "/" ? {} : { path }),
    ingress:
      ingress?.prefix === undefined ? { stripPrefix, hosts } : { prefix: ingress.prefix, stripPrefix, hosts },
    timeoutMs,
  };
}
