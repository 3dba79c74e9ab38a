// The run-time schemas against the contracts they stand for.

import assert from "node:assert/strict";
import { test } from "node:test";
import { authMethods } from "./auth-schema.ts";
import { gatewayMethods } from "./gateway-schema.ts";
import { DEFAULT_GATEWAY_LIMITS, type GatewayConfig } from "./gateway.ts";

const config: GatewayConfig = {
  revision: 1,
  hash: "abc",
  services: [
    {
      name: "reviews.acme.catalyst.internal",
      shortName: "reviews",
      kind: "federation",
      urls: ["http://127.0.0.1:5002/graphql"],
      sdl: "type Query { a: Int }",
      headers: { forward: ["accept-language"], set: { "x-a": "b" } },
      timeoutMs: 5_000,
    },
  ],
  limits: DEFAULT_GATEWAY_LIMITS,
  drainMs: 3_000,
  identity: "token",
};

test("a graph passes as it is, anything else is named", () => {
  const parsed = gatewayMethods.apply?.safeParse([config]);
  assert(parsed?.success === true);
  assert.deepEqual(parsed.data, [config]);
  for (const wrong of [
    [],
    [config, config],
    [{ ...config, revision: "1" }],
    [{ ...config, extra: 1 }],
    [{ ...config, services: [{ ...config.services[0], sdl: () => "stub" }] }],
    [{ ...config, services: () => [] }],
  ]) {
    assert.equal(gatewayMethods.apply?.safeParse(wrong).success, false);
  }
});

test("what is said to the auth part is bounded", () => {
  assert.equal(authMethods.sign?.safeParse([{ sub: "a", scope: ["*"], ttlSeconds: 300 }]).success, true);
  assert.equal(authMethods.sign?.safeParse([{ sub: "a", ttlSeconds: 901 }]).success, false);
  assert.equal(authMethods.sign?.safeParse([{ sub: "a", aud: undefined }]).success, false);
  assert.equal(authMethods.verify?.safeParse(["x".repeat(8_193)]).success, false);
  assert.equal(authMethods.watchKeys?.safeParse([() => undefined]).success, true);
  assert.equal(authMethods.watchKeys?.safeParse([{}]).success, false);
  assert.equal(authMethods.apiKeyRotate?.safeParse(["id", { overlapMs: 1 }]).success, true);
});
