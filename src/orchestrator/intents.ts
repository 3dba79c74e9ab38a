// From a service as it is written (configuration, `service add`, SDK) to the intent that the state holds: full name, one
// protocol for all its aliases, defaults of the probe. Pure, so that all three ways mean the same.

import type { Config } from "#config";
import { CatalystError } from "#rpc";
import { fullName, type NodeName, type Owner, type Probe, type Protocol, type ServiceIntent } from "#routing";

export type ServiceConfig = Config["services"][number];

const PROTOCOLS: Readonly<Record<ServiceConfig["protocol"], Protocol>> = {
  http: "http",
  "http:graphql": "http:graphql",
  "http:gql": "http:graphql",
  graphql: "http:graphql",
  "graphql-http": "http:graphql",
};

export function intentOf(service: ServiceConfig, owner: Owner, node: NodeName): ServiceIntent {
  const name = fullName(service.name, node);
  if (name === undefined)
    throw new CatalystError("ERR_INVALID_ARGUMENT", `"${service.name}" is no name of this organization`, {
      hint: "a short name, or a full one that ends in the organization's domain",
    });
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
    name,
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
