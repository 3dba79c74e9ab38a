// From what somebody declared to what the state holds, and back. One place for the rules that every owner's
// declaration must keep (names, addresses, where it may appear at ingress), so that file, admin RPC, SDK and
// plugins are judged alike. A rule that is broken is a `Refusal`, never a correction made silently.

import { equal, LIMITS, type Refusal } from "#kernel";
import {
  type Endpoint,
  fullName,
  type NodeName,
  organizationOf,
  type Service,
  type ServiceIntent,
} from "#routing";
import type { ErrorCode } from "#rpc";
import { ascending, itself } from "./ascending.ts";

export function refusal(code: ErrorCode, subject: string, text: string, hint?: string): Refusal {
  return hint === undefined ? { code, subject, text } : { code, subject, text, hint };
}

/** Paths at ingress that are the node's own; no service may stand at or below them. */
const OWN_PATHS = ["/graphql", "/auth", "/healthz", "/.well-known"];

/** http://host[:port][/path], no user, query or fragment. */
const HTTP_URL = /^http:\/\/[^\s/?#@]+(\/[^\s?#]*)?$/;
const HOST_PORT = /^[^\s/?#@]+:\d{1,5}$/;

export type Checked =
  | { readonly ok: true; readonly intent: ServiceIntent }
  | { readonly ok: false; readonly refusal: Refusal };

/** The intent with its full name and its endpoints in order, or why it cannot be. */
export function checkIntent(intent: ServiceIntent, node: NodeName): Checked {
  const name = fullName(intent.name, node);
  if (name === undefined) {
    const text = `"${intent.name}" is not a name in ${organizationOf(node)}`;
    const hint = `use a short name like "reviews", or one that ends in .${organizationOf(node)}`;
    return { ok: false, refusal: refusal("ERR_INVALID_ARGUMENT", intent.name, text, hint) };
  }
  const endpoints = ascending([...new Set(intent.endpoints)], itself);
  const problem = endpointProblem(intent, endpoints) ?? ingressProblem(intent);
  if (problem === undefined) return { ok: true, intent: { ...intent, name, endpoints } };
  return { ok: false, refusal: refusal("ERR_INVALID_ARGUMENT", name, `service "${name}": ${problem}`) };
}

function endpointProblem({ protocol }: ServiceIntent, endpoints: readonly string[]): string | undefined {
  if (endpoints.length === 0) return "it has no endpoint";
  if (endpoints.length > LIMITS.endpoints) return `it has more than ${LIMITS.endpoints} endpoints`;
  const form = protocol === "tcp" || protocol === "udp" ? HOST_PORT : HTTP_URL;
  const wrong = endpoints.find((url) => url.length > 2_048 || !form.test(url));
  if (wrong !== undefined) return `"${wrong}" is not ${form === HTTP_URL ? "an http:// URL" : "host:port"}`;
  // Envoy rewrites a path per route, not per endpoint; GraphQL is posted to the whole URL and may differ.
  if (protocol !== "http") return undefined;
  const other = endpoints.find((url) => pathOf(url) !== pathOf(endpoints[0] ?? ""));
  return other === undefined ? undefined : `"${other}" has another path than "${endpoints[0]}"`;
}

function ingressProblem({ protocol, ingress }: ServiceIntent): string | undefined {
  if (ingress?.prefix === undefined && ingress?.host === undefined) return undefined;
  if (protocol === "http:graphql")
    return "GraphQL services are reached in the graph, not at an own place at ingress";
  const { prefix } = ingress;
  if (prefix === undefined) return undefined;
  if (!prefix.startsWith("/") || prefix === "/") return `"${prefix}" is not a path prefix like "/files"`;
  const own = OWN_PATHS.find((path) => prefix === path || prefix.startsWith(`${path}/`));
  return own === undefined ? undefined : `the prefix "${prefix}" is the node's own (${own})`;
}

const urlOf = ({ url }: Endpoint): string => url;

/** "http://h:1/a/b" → "/a/b"; "/" when there is none. */
export function pathOf(url: string): string {
  const slash = url.indexOf("/", "http://".length);
  return slash < 0 ? "/" : url.slice(slash);
}

/** "http://h/a" → "h:80" */
export function hostPortOf(url: string): string {
  const start = url.startsWith("http://") ? "http://".length : 0;
  const slash = url.indexOf("/", start);
  const authority = slash < 0 ? url.slice(start) : url.slice(start, slash);
  // A colon inside brackets belongs to an IPv6 address.
  return authority.lastIndexOf(":") > authority.lastIndexOf("]") ? authority : `${authority}:80`;
}

export function freshEndpoint(url: string, probe: ServiceIntent["probe"]): Endpoint {
  // Nobody asks a service without probe: it counts as up until its owner takes it away.
  return { url, health: probe.kind === "none" ? "up" : "unknown", streak: 0 };
}

/** The service as declared now; what was observed of it (health, schema, verdicts) stays. */
export function serviceOf(intent: ServiceIntent, endpoints: readonly Endpoint[], known?: Service): Service {
  const { schema, quarantine } = known?.protocol === intent.protocol ? known : {};
  return {
    ...intent,
    endpoints: ascending([...endpoints], urlOf),
    health: "unknown",
    revision: 0,
    ...(schema === undefined ? {} : { schema }),
    ...(quarantine === undefined ? {} : { quarantine }),
  };
}

/** The intent's endpoints, as known where they are; one whose probing was switched off is up. */
export function endpointsOf(intent: ServiceIntent, known?: Service): Endpoint[] {
  return intent.endpoints.map((url) => {
    const endpoint = known?.endpoints.find((one) => one.url === url);
    if (endpoint === undefined || intent.probe.kind === "none") return freshEndpoint(url, intent.probe);
    return endpoint;
  });
}

/** What was declared, out of the state. */
export function intentOf(service: Service): ServiceIntent {
  const { name, protocol, owner, endpoints, probe, ingress, timeoutMs, labels } = service;
  return {
    name,
    protocol,
    owner,
    endpoints: ascending(endpoints.map(urlOf), itself),
    probe,
    timeoutMs,
    export: service.export,
    ...(ingress === undefined ? {} : { ingress }),
    ...(labels === undefined ? {} : { labels }),
  };
}

/** Declared alike. Most changes replace endpoints only, so identity answers first. */
export function sameIntent(a: Service, b: Service): boolean {
  return (
    a.protocol === b.protocol &&
    a.timeoutMs === b.timeoutMs &&
    a.export === b.export &&
    equal(a.owner, b.owner) &&
    equal(a.probe, b.probe) &&
    equal(a.ingress, b.ingress) &&
    equal(a.labels, b.labels) &&
    sameUrls(a.endpoints, b.endpoints)
  );
}

function sameUrls(a: readonly Endpoint[], b: readonly Endpoint[]): boolean {
  return a === b || (a.length === b.length && a.every(({ url }, i) => url === b[i]?.url));
}
