// The configuration of our gateway for the benchmark's graph.

import { hash } from "node:crypto";
import { DEFAULT_GATEWAY_LIMITS, type GatewayConfig, type GatewayService } from "#rpc";
import { PRODUCTS_SDL, REVIEWS_SDL } from "./graph.ts";

export function graphConfig(
  products: number,
  reviews: number,
  revision: number,
  more: readonly GatewayService[] = [],
): GatewayConfig {
  const services = [
    graphService("products", PRODUCTS_SDL, products),
    graphService("reviews", REVIEWS_SDL, reviews),
    ...more,
  ];
  const content = { services, limits: DEFAULT_GATEWAY_LIMITS, drainMs: 5_000, identity: "none" as const };
  return { revision, hash: hash("sha256", JSON.stringify(content), "base64url"), ...content };
}

export function graphService(shortName: string, sdl: string, port: number): GatewayService {
  return {
    name: `${shortName}.bench.catalyst.internal`,
    shortName,
    kind: "federation",
    urls: [`http://127.0.0.1:${port}/graphql`],
    sdl,
    headers: { forward: [], set: {} },
    timeoutMs: 5_000,
  };
}
