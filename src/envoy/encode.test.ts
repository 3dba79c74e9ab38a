// The encoder's own promises: names it does not know are refused with their place, equal content is equal bytes, secrets
// are not shown. That the bytes mean what they should is proved with Envoy's descriptors (golden.test.ts).

import assert from "node:assert/strict";
import { test } from "node:test";
import { decode } from "./decode.ts";
import { encode } from "./encode.ts";
import type { Messages } from "./generated/messages.ts";
import { constant } from "./translate/index.ts";

type Cluster = Messages["envoy.config.cluster.v3.Cluster"];
const cluster = (more: object): Cluster => ({ name: "c", type: "STATIC", ...more }) as Cluster;
const CLUSTER = "envoy.config.cluster.v3.Cluster";

test("what does not belong is refused with its place", () => {
  const cases: readonly [object, RegExp][] = [
    [{ conect_timeout: "1s" }, /Cluster has no field conect_timeout/],
    [{ connect_timeout: "1 s" }, /connect_timeout must be a duration/],
    [{ connect_timeout: "-1s" }, /connect_timeout must be a duration/],
    [{ type: "DYNAMIC" }, /type has no value DYNAMIC/],
    [{ name: 1 }, /name must be a string/],
    [{ circuit_breakers: [] }, /circuit_breakers must be an object/],
    [{ circuit_breakers: { thresholds: {} } }, /thresholds must be a list/],
    [{ circuit_breakers: { thresholds: [{ x: 1 }] } }, /thresholds\[0\] has no field x/],
    [{ typed_extension_protocol_options: { a: {} } }, /options\["a"\] must have an @type/],
    [{ typed_extension_protocol_options: { a: { "@type": "x/y.Z" } } }, /no table for y\.Z/],
  ];
  for (const [more, why] of cases) assert.throws(() => encode(CLUSTER, cluster(more)), why);
});

test("the order of keys does not matter, and undefined is absence", () => {
  const policy = { permissions: [{ any: true }], principals: [{ any: true }] } as const;
  const name = "envoy.config.rbac.v3.RBAC";
  const one = encode(name, { action: "DENY", policies: { a: policy, b: policy } });
  const two = encode(name, { policies: { b: policy, a: policy }, action: "DENY" });
  assert.deepEqual(one, two);
  assert.deepEqual(encode(CLUSTER, cluster({ connect_timeout: undefined })), encode(CLUSTER, cluster({})));
});

test("what was written is read back, but for private keys", () => {
  const written = cluster({
    connect_timeout: "0.25s",
    circuit_breakers: { thresholds: [{ max_retries: 4_000_000_000 }, {}] },
  });
  assert.deepEqual(decode(CLUSTER, encode(CLUSTER, written)), written);
  const name = "envoy.extensions.transport_sockets.tls.v3.Secret";
  const secret = encode(name, {
    name: "s",
    tls_certificate: { certificate_chain: { inline_string: "C" }, private_key: { inline_string: "s3cret" } },
  });
  assert.deepEqual(decode(name, secret), {
    name: "s",
    tls_certificate: { certificate_chain: { inline_string: "C" }, private_key: "[redacted]" },
  });
});

test("a constant is written as what it is, wherever it stands, and cannot be changed", () => {
  const policy = constant({ permissions: [{ any: true }], principals: [{ any: true }] });
  assert.throws(() => Object.assign(policy.permissions[0] ?? {}, { any: false }), TypeError);
  const rules = { action: "DENY", policies: { a: policy, b: policy } } as const;
  const plain = structuredClone(rules);
  const rbac = "envoy.config.rbac.v3.RBAC";
  for (let i = 0; i < 2; i += 1) assert.deepEqual(encode(rbac, rules), encode(rbac, plain));
  // As a route its name is another field than as a virtual host.
  const named = constant({ name: "c" });
  type Routes = Messages["envoy.config.route.v3.RouteConfiguration"];
  const routes = "envoy.config.route.v3.RouteConfiguration";
  const both = { virtual_hosts: [named, { name: "d", domains: [], routes: [named] }] } as unknown as Routes;
  const apart = structuredClone(both);
  for (let i = 0; i < 3; i += 1) assert.deepEqual(encode(routes, both), encode(routes, apart));
  const typo = constant({ starts: 1 });
  const wrong = cluster({ circuit_breakers: typo });
  for (let i = 0; i < 2; i += 1)
    assert.throws(() => encode(CLUSTER, wrong), /circuit_breakers has no field starts/);
});
