// What a GraphQL service's schema is: keeps it read while the service is up (the runner reads at once and
// then every 60 s; a recovered service gets a new want, hence a new reading), and takes what was read into
// the state. A schema that cannot be used leaves the service out of the graph; one that cannot be reached
// does so only while none is known, for a known schema composes without its service (docs/internals/gateway.md section 5).

import type { Event, IServicePlugin, SchemaWant, Service } from "#routing";
import { follow, type Followed, healthyUrls } from "./follow.ts";

type Reading = Extract<Event, { kind: "schema.read" }>;

export function schema(): IServicePlugin {
  return {
    name: "schema",
    apiVersion: 1,
    handles: ["schema.read"],
    apply(event, view, out) {
      if (event.kind !== "schema.read") return;
      const service = view.services.get(event.service);
      if (service?.protocol !== "http:graphql") return;
      const { name } = service;
      const known = service.quarantine?.find(({ by }) => by === "schema");
      const because = verdict(event, service);
      if (event.result.ok) {
        const { hash, kind } = event.result;
        if (service.schema?.hash !== hash || service.schema.kind !== kind) {
          out.push({ kind: "service.schema", name, schema: { hash, kind } });
        }
      }
      if (because === undefined) {
        if (known !== undefined && event.result.ok)
          out.push({ kind: "service.quarantine", name, by: "schema" });
      } else if (known?.code !== because.code || known.text !== because.text) {
        out.push({ kind: "service.quarantine", name, by: "schema", because });
      }
    },
    react(commit, _view, out) {
      follow(commit, schemaWant, (key, want) => out.push({ kind: "schema", key, want }));
    },
  };
}

function verdict({ result }: Reading, service: Service): { code: string; text: string } | undefined {
  if (result.ok) return undefined;
  const { code, text } = result;
  return code === "ERR_SCHEMA_UNREACHABLE" && service.schema !== undefined ? undefined : { code, text };
}

export function schemaWant(service: Followed): SchemaWant | undefined {
  if (service.protocol !== "http:graphql" || service.health !== "up") return undefined;
  return { service: service.name, urls: healthyUrls(service), timeoutMs: service.timeoutMs };
}
