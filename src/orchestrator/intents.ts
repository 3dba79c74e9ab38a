// From a service as it is written (configuration, `service add`, SDK) to the intent that the state holds: full name, one
// protocol for all its aliases, defaults of the probe. Pure, so that all three ways mean the same.

import type { Config } from "#config";
import type { Owner, Probe, Protocol, ServiceIntent } from "#routing";

export type ServiceConfig = Config["services"][number];

const PROTOCOLS: Readonly<Record<ServiceConfig["protocol"], Protocol>> = {
  http: "http",
  "http:graphql": "http:graphql",
  "http:gql": "http:graphql",
  graphql: "http:graphql",
  "graphql-http": "http:graphql",
};

/** "reviews" → "reviews.acme.catalyst.internal"; a full name stays. */
export const fullName = (name: string, organization: string): string =>
  name === organization || name.endsWith(`.${organization}`) ? name : `${name}.${organization}`;

export function intentOf(service: ServiceConfig, owner: Owner, organization: string): ServiceIntent {
  const protocol = PROTOCOLS[service.protocol];
  const { interval, timeout, up, down, path } = service.probe;
  const kind = service.probe.kind ?? (protocol === "http:graphql" ? "graphql" : "tcp");
  const probe: Probe = {
    kind,
    intervalMs: interval,
    timeoutMs: timeout,
    up,
    down,
    ...(path === undefined ? {} : { path }),
  };
  const { prefix, host, stripPrefix } = service.ingress ?? {};
  const ingress = {
    ...(prefix === undefined ? {} : { prefix, stripPrefix: stripPrefix === true }),
    ...(host === undefined ? {} : { host }),
  };
  return {
    name: fullName(service.name, organization),
    protocol,
    owner,
    endpoints: service.endpoints ?? (service.endpoint === undefined ? [] : [service.endpoint]),
    probe,
    timeoutMs: service.timeout,
    export: service.export,
    ...(Object.keys(ingress).length === 0 ? {} : { ingress }),
    ...(service.labels === undefined ? {} : { labels: service.labels }),
  };
}
