// The built-in plugins, in their order. They come in by the same door as those from outside (`load.ts`) and
// could be any of theirs; only what they do is the product's own.

import type { NodePlugin } from "#routing";
import { envoy } from "./envoy.ts";
import { expiry } from "./expiry.ts";
import { exports } from "./exports.ts";
import { graph } from "./graph.ts";
import { health } from "./health.ts";
import { imports } from "./imports.ts";
import { keys } from "./keys.ts";
import { leases } from "./leases.ts";
import { persist } from "./persist.ts";
import { received } from "./received.ts";
import { registry } from "./registry.ts";
import { schema } from "./schema.ts";
import { trust } from "./trust.ts";
import { verdict } from "./verdict.ts";

export function builtInPlugins(): readonly NodePlugin[] {
  return [
    registry(),
    leases(),
    health(),
    schema(),
    verdict(),
    graph(),
    envoy(),
    keys(),
    persist(),
    received(),
    expiry(),
    trust(),
    imports(),
    exports(),
  ];
}

export { loadPlugins, type PluginUse } from "./load.ts";
