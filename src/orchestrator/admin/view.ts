// Services as the admin contract shows them. Pure.

import type { Service } from "#routing";
import type { ServiceRecord } from "#rpc";

export interface ReachOptions {
  /** Scheme, host and port of ingress, "http://127.0.0.1:10000". */
  readonly ingress: string;
}

/** Where a client reaches it. */
export function reach(service: Service, { ingress }: ReachOptions): readonly string[] {
  if (service.protocol === "http:graphql") return [`${ingress}/graphql`];
  const prefix = service.ingress?.prefix;
  const port = ingress.slice(ingress.lastIndexOf(":") + 1);
  const scheme = ingress.slice(0, ingress.indexOf(":"));
  const hosts = [service.ingress?.host, service.name].filter((host) => host !== undefined);
  return [
    ...(prefix === undefined ? [] : [`${ingress}${prefix}`]),
    ...hosts.map((host) => `${scheme}://${host}:${port}/`),
  ];
}

export function serviceRecord(service: Service, now: number, options: ReachOptions): ServiceRecord {
  const { owner, ingress, schema } = service;
  return {
    name: service.name,
    protocol: service.protocol,
    health: service.health,
    owner: { ...owner },
    endpoints: service.endpoints.map(({ url, health, reason, lease }) => ({
      url,
      health,
      ...(reason === undefined ? {} : { reason }),
      ...(lease === undefined
        ? {}
        : { lease: { id: lease.id, expiresInMs: Math.max(0, lease.notAfter - now) } }),
    })),
    ...(ingress === undefined ? {} : { ingress: { ...ingress } }),
    ...(schema === undefined ? {} : { schema: schema.hash }),
    reach: reach(service, options),
    quarantine: (service.quarantine ?? []).map((each) => ({ ...each })),
    revision: service.revision,
  };
}
