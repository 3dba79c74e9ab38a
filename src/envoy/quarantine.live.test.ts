// A bad resource harms nobody but itself: it is found, named and left out, whether it is refused while someone waits for the
// answer or by an Envoy that connects later.

import assert from "node:assert/strict";
import { test } from "node:test";
import { needs } from "../../test/kit/needs.ts";
import { EnvoyConfigurator } from "./configurator.ts";
import type { Prepare } from "./prepare.ts";
import { prepareService } from "./prepare.ts";
import { ask, echo, eventually, httpService, serve, startNode } from "./testing.ts";

const full = (name: string): string => `${name}.acme.catalyst.internal`;

// Wants that pass our own checks, and are spoilt afterwards: the cluster of some, the routes of others.
const spoil: Prepare = (mode, want) => {
  const good = prepareService(mode, want);
  if ("code" in good || !want.service.startsWith("bad-")) return good;
  if (want.service.startsWith("bad-cluster")) {
    const bytes = Buffer.from(good.cluster.bytes ?? []);
    // connect_timeout (field 4): 1 s becomes 0.
    const at = bytes.indexOf(Buffer.from([0x22, 0x02, 0x08, 0x01]));
    const spoilt = Buffer.concat([bytes.subarray(0, at), Buffer.from([0x22, 0x00]), bytes.subarray(at + 4)]);
    return { ...good, cluster: { ...good.cluster, bytes: spoilt } };
  }
  // Its domain twice: in the same RouteConfiguration that is an error of the whole.
  return { ...good, routes: { ...good.routes, host: Buffer.concat([good.routes.host, good.routes.host]) } };
};

test("what Envoy refuses is quarantined by name, the rest goes on", needs("envoy"), async (t) => {
  const files = await serve(t, echo("files"));
  const { port, signer, configurator, server } = await startNode(t, {
    configurator: (xds) => new EnvoyConfigurator(xds, spoil),
  });
  const status = async (host: string): Promise<number> =>
    (await ask(port, { headers: { ...signer.bearer(), host } })).status;
  const names = ["a", "b", "c", "d", "bad-cluster-1", "bad-cluster-2", "bad-route-1", "bad-route-2"];
  for (const name of names) configurator.setService(full(name), httpService(full(name), [files]));
  const { services } = await configurator.flush();
  for (const name of names) {
    const verdict = services.get(full(name));
    assert.equal(verdict?.ok, !name.startsWith("bad-"), name);
    if (verdict?.ok !== false) assert.equal(await status(full(name)), 200, name);
    else {
      assert.equal(verdict.code, "ERR_ENVOY_REFUSED");
      assert.match(
        verdict.text,
        name.startsWith("bad-cluster") ? /^Proto constraint.*ConnectTimeout/ : /[Dd]omain/,
      );
      assert.doesNotMatch(verdict.text, /goo\.gle|lb_policy|127\.0\.0\.1/);
      assert.equal(await status(full(name)), 404, name);
    }
  }
  assert.equal(configurator.quarantined().length, 4);

  // What was good of a service stays when its next version is refused.
  configurator.setService(full("a"), httpService(full("a"), [files], { ingress: { hosts: ["a.test"] } }));
  await configurator.flush();
  assert.equal(await status("a.test"), 200);
  // A refused one comes back when it is put right.
  configurator.setService(full("bad-route-1"), undefined);
  await configurator.flush();
  assert.equal(configurator.quarantined().length, 3);
  assert.equal(server.status().types.find((x) => x.type === "route")?.resources, 1);
});

test(
  "what was stored without an Envoy and is refused by the next one is found too",
  needs("envoy"),
  async (t) => {
    const files = await serve(t, echo("files"));
    for (const names of [["bad-route"], ["a", "bad-route-1", "b", "bad-route-2", "bad-cluster"]]) {
      let configurator: EnvoyConfigurator | undefined;
      const { port, signer } = await startNode(t, {
        services: names.map((name) => httpService(full(name), [files])),
        configurator: (xds) => (configurator = new EnvoyConfigurator(xds, spoil)),
        onRefused: (type, name) => {
          configurator?.refusedLater(type, name);
          void configurator?.flush();
        },
      });
      const bad = names.filter((name) => name.startsWith("bad-")).map(full);
      await eventually(
        () => configurator?.quarantined().length === bad.length,
        `${bad.join(", ")} are quarantined`,
      );
      assert.deepEqual(
        configurator
          ?.quarantined()
          .map((q) => q.service)
          .toSorted(),
        bad.toSorted(),
      );
      for (const name of names) {
        const headers = { ...signer.bearer(), host: full(name) };
        const wanted = name.startsWith("bad-") ? 404 : 200;
        await eventually(async () => (await ask(port, { headers })).status === wanted, `${name}: ${wanted}`);
      }
    }
  },
);
