// How a request finds its RouteConfiguration: by the whole :authority (the port is stripped before). A peer's key has the
// scheme in front, which the peer listener itself sets on every request; so a key of one side has two parts, one of the
// other side has one, and neither listener can ever find the other's routes. Keys are case-sensitive, names lower case.

import { ADS } from "./names.ts";
import type { Between, Manager, Scope, Side } from "./peering-names.ts";
import { routesOf } from "./peering-names.ts";

type Builder = NonNullable<Manager["scoped_routes"]>["scope_key_builder"];

/** Envoy writes it after the client's own was stripped: one and the same on every request of the peer listener. */
const SCHEME = "x-forwarded-proto";

const wholeHeader = (name: string): Builder["fragments"][number] => ({
  header_value_extractor: { name, index: 0 },
});

export const scopedRoutes = (side: Side): NonNullable<Manager["scoped_routes"]> => ({
  name: side,
  scope_key_builder: {
    fragments: [...(side === "peer" ? [wholeHeader(SCHEME)] : []), wholeHeader(":authority")],
  },
  rds_config_source: ADS,
  scoped_rds: { scoped_rds_config_source: ADS },
});

const SCHEMES = { certificate: "https", none: "http" } as const;

/** `service`: whose routes they are, where the host is another name of it. */
export const scopeOf = (
  side: Side,
  host: string,
  service = host,
  between: Between = "certificate",
): Scope => ({
  name: routesOf(side, host),
  route_configuration_name: routesOf(side, service),
  key: { fragments: [...(side === "peer" ? [{ string_key: SCHEMES[between] }] : []), { string_key: host }] },
});
