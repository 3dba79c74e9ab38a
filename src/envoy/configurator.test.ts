// A publication that fails for a reason of ours (not a refusal by Envoy) is told and loses nothing: the next flush publishes the
// same again. The server is the real one; one call of it fails, each in its turn. And of what Envoy refuses, each configurator
// of a server takes its own.

import assert from "node:assert/strict";
import { test } from "node:test";
import { EnvoyConfigurator } from "./configurator.ts";
import { httpService, quiet, Signer } from "./testing.ts";
import { XdsServer } from "./xds/index.ts";

const BASE = {
  node: "edge1.acme.catalyst.internal",
  identity: "own",
  listen: { address: "127.0.0.1", port: 10_000 },
  gateway: { path: "/run/gateway-http.sock" },
  auth: { path: "/run/auth-http.sock" },
  bodyLimitBytes: 1_048_576,
} as const;
const FILES = "files.acme.catalyst.internal";

const contents = (server: XdsServer): string[] =>
  Array.from(server.resources(), ({ type, name, version }) => `${type}/${name} ${version}`).toSorted();

/** All that one node publishes; call number `failing` of the server throws. */
async function published(
  signer: Signer,
  failing: number,
  endpoint = "127.0.0.1:5001",
): Promise<{ found: string[]; failed: boolean }> {
  const server = new XdsServer({ log: quiet });
  let calls = 0;
  const configurator = new EnvoyConfigurator({
    hold: (refs) => server.hold(refs),
    publish: async (changes) => {
      calls += 1;
      if (calls === failing) throw new Error("no memory");
      return await server.publish(changes);
    },
  });
  configurator.setBase(BASE);
  configurator.setKeys(signer.keys());
  configurator.setService(FILES, httpService(FILES, [endpoint]));
  let failed = false;
  await configurator.flush().catch((error: unknown) => {
    assert.match(String(error), /no memory/);
    failed = true;
  });
  if (failed) await configurator.flush();
  return { found: contents(server), failed };
}

// The cluster of an address goes out with its routes, that of a name before them.
for (const [endpoint, publications] of [
  ["127.0.0.1:5001", 3],
  ["files.internal:5001", 4],
] as const)
  test(`whichever publication fails, the next flush publishes everything: ${endpoint}`, async () => {
    const signer = new Signer();
    const whole = (await published(signer, 0, endpoint)).found;
    assert.ok(whole.some((each) => each.startsWith("listener/ingress")));
    assert.ok(whole.some((each) => each.startsWith(`cluster/svc:${FILES}`)));
    let broken = 0;
    for (let failing = 1; ; failing += 1) {
      const { found, failed } = await published(signer, failing, endpoint);
      if (!failed) break;
      broken += 1;
      assert.deepEqual(found, whole, `call ${failing}`);
    }
    assert.equal(broken, publications);
  });

test("a refusal of another configurator's resource is not taken for an own one", async () => {
  const server = new XdsServer({ log: quiet });
  let publications = 0;
  const configurator = new EnvoyConfigurator({
    hold: (refs) => server.hold(refs),
    publish: (changes) => {
      publications += 1;
      return server.publish(changes);
    },
  });
  configurator.setBase(BASE);
  configurator.setKeys(new Signer().keys());
  configurator.setService(FILES, httpService(FILES, ["127.0.0.1:5001"]));
  await configurator.flush();
  const republished = async (type: string, name: string): Promise<boolean> => {
    const before = publications;
    const own = configurator.refusedLater(type, name);
    await configurator.flush();
    assert.equal(own, publications > before, `${type}/${name}`);
    return own;
  };
  const others = [
    ...["listener/peer", "listener/egress", "extension/catalyst.jwt.peer", "secret/node-cert"],
    ...["secret/peers", "secret/trust:globex.catalyst.internal", "route/peer/files", "scope/egress/files"],
    ...["cluster/paths:edge1.globex", "cluster/svc:graph", "endpoint/svc:graph"],
  ];
  for (const { type, name } of server.resources()) assert.ok(await republished(type, name), name);
  for (const ref of others) {
    const slash = ref.indexOf("/");
    assert.equal(await republished(ref.slice(0, slash), ref.slice(slash + 1)), false);
  }
});
