// Which wants are refused before they reach Envoy: one bad fragment would make it refuse all of ingress.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { EnvoyServiceWant } from "#routing";
import { hostPort, isHostName, isIp } from "./address.ts";
import { checkWant } from "./service-routes.ts";

const want = (more: Partial<EnvoyServiceWant>): EnvoyServiceWant => ({
  service: "files.acme.catalyst.internal",
  protocol: "http",
  endpoints: ["127.0.0.1:1"],
  timeoutMs: 1_000,
  ingress: { stripPrefix: false, hosts: [] },
  ...more,
});
const prefixed = (prefix: string): EnvoyServiceWant =>
  want({ ingress: { prefix, stripPrefix: false, hosts: [] } });
const hosted = (host: string): EnvoyServiceWant => want({ ingress: { stripPrefix: false, hosts: [host] } });

test("what can be said is taken", () => {
  for (const good of [
    want({}),
    want({ endpoints: ["[::1]:80", "a-b.example:65535"], path: "/a/b/" }),
    ...["/", "/a", "/a/b.c", "/graph", "/authz", "/healthzy", "/a(b)*+$"].map(prefixed),
    ...["a.example", "a", "x-1.example.com"].map(hosted),
  ])
    assert.equal(checkWant(good), undefined, JSON.stringify(good));
});

test("what cannot be said safely is refused with the reason", () => {
  const conflict = ["/graphql", "/graphql/x", "/auth", "/auth/token", "/.well-known", "/healthz"];
  for (const prefix of conflict)
    assert.equal(checkWant(prefixed(prefix))?.code, "ERR_SERVICE_CONFLICT", prefix);
  for (const bad of [
    ...["a", "/a/", "//a", "/a//b", "/a?b", "/a#b", "/a b", "/%2e", "/a\n"].map(prefixed),
    ...["*", "*.example", "A.example", "a..b", "-a", "a.example:80", "localhost", "127.0.0.1", ""].map(
      hosted,
    ),
    ...["", "a", "a:0", "a:65536", "http://a:1", "::1:80", "a b:1"].map((e) => want({ endpoints: [e] })),
    want({ path: "api" }),
    want({ path: "/a?b" }),
    want({ service: "no name" }),
  ])
    assert.equal(checkWant(bad)?.code, "ERR_INVALID_ARGUMENT", JSON.stringify(bad));
});

test("addresses and names are told apart", () => {
  assert.deepEqual(hostPort("[::1]:80"), { host: "::1", port: 80 });
  for (const ip of ["127.0.0.1", "0.0.0.0", "255.255.255.255", "::1"]) assert.ok(isIp(ip), ip);
  for (const name of ["127.0.0.256", "127.1", "1.2.3.4.5", "01.2.3.4", "localhost"])
    assert.ok(!isIp(name), name);
  assert.ok(isHostName("a".repeat(63)) && !isHostName("a".repeat(64)));
});
