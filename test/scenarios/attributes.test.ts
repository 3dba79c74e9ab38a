// Scenario `attribute-change-travels`: a change that leaves the length of the path as it is (where a service answers, whether it does,
// what is written on it, which of two equal nodes has it) reaches every node and every Envoy behind it. Systems that compare
// lengths, or names alone, keep the old one.

import assert from "node:assert/strict";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { ask, echo, eventually, serve } from "../../src/envoy/testing.ts";
import { organization } from "../../src/envoy/peering.common-case.ts";
import { intent } from "../kit/node-loop.ts";
import { needs } from "../kit/needs.ts";
import { found, fullName, offer, peer, type PlaneNode, startPlaneNode, tell } from "../kit/plane-node.ts";

/** Another port for the same listener. */
async function forward(
  t: TestContext,
  to: number,
): Promise<{ readonly port: number; connections(): number }> {
  let connections = 0;
  const open = new Set<Socket>();
  const server = createServer((near) => {
    connections += 1;
    const far = connect(to, "127.0.0.1");
    for (const socket of [near, far]) {
      open.add(socket);
      // The other end follows; a reset is an end like any other here.
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        near.destroy();
        far.destroy();
        open.delete(socket);
      });
    }
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  return { port: (server.address() as AddressInfo).port, connections: () => connections };
}

test("attribute-change-travels: three in a line, every Envoy follows", needs("envoy"), async (t) => {
  const acme = await startPlaneNode(t, await organization(t, "acme.catalyst.internal"));
  const middle = await startPlaneNode(t, await organization(t, "initech.catalyst.internal"));
  const globex = await organization(t, "globex.catalyst.internal");
  const [one, two] = [await startPlaneNode(t, globex, "edge1"), await startPlaneNode(t, globex, "edge2")];
  await peer(acme, middle);
  await peer(one, middle);
  await peer(two, middle);
  const reviews = fullName(one, "reviews");
  const spread = async (): Promise<void> => {
    await tell(one, middle);
    await tell(two, middle);
    await tell(middle, acme);
  };
  /** Who answers when a program beside this node asks; the status where nobody does. */
  const answering = async (node: PlaneNode): Promise<string> => {
    const { status, text } = await ask(node.egressPort, { headers: { host: reviews } });
    return status === 200 ? (JSON.parse(text) as { name: string }).name : String(status);
  };
  const all = (wanted: string): Promise<void> =>
    eventually(
      async () => (await answering(middle)) === wanted && (await answering(acme)) === wanted,
      `both are answered by ${wanted}`,
    );
  const best = (node: PlaneNode) => node.loop.view.routes.best(reviews)?.[0];
  const length = (): (number | undefined)[] =>
    [middle, acme].map((node) => best(node)?.course.nodePath.length);

  const first = await serve(t, echo("first"));
  await offer(one, "reviews", first);
  await spread();
  await all("first");
  assert.deepEqual(length(), [1, 2]);

  // It moves to another port of its own node.
  const second = await serve(t, echo("second"));
  await one.say({ kind: "service.remove", name: reviews, owner: "admin" });
  await offer(one, "reviews", second);
  await spread();
  await all("second");
  assert.deepEqual(length(), [1, 2]);

  // Something else is written on it.
  const labels = { version: "2" };
  await one.say({
    kind: "service.add",
    intent: intent("reviews", { endpoints: [`http://${second}`], labels }),
  });
  await spread();
  assert.deepEqual(
    [middle, acme].map((node) => best(node)?.attributes.labels),
    [labels, labels],
  );
  await all("second");

  // Its node's Envoy is reached at another port now.
  const door = await forward(t, one.peerPort);
  await tell({ ...one, peerPort: door.port }, middle);
  await tell(middle, acme);
  assert.equal(best(middle)?.course.nextHopAddress, `127.0.0.1:${door.port}`);
  assert.deepEqual(length(), [1, 2]);
  await eventually(async () => {
    const answers = [await answering(middle), await answering(acme)];
    return door.connections() > 0 && answers.every((name) => name === "second");
  }, "traffic goes through the new port");

  // It is down, and up again.
  await found(one, "reviews", second, false);
  await spread();
  await all("404");
  await found(one, "reviews", second, true);
  await spread();
  await all("second");

  // Another node of that organization has it now.
  const third = await serve(t, echo("third"));
  await offer(two, "reviews", third);
  await spread();
  await found(one, "reviews", second, false);
  await spread();
  await all("third");
  assert.deepEqual([...(best(acme)?.course.nodePath ?? [])], [middle.name, two.name]);
  assert.equal(best(middle)?.course.nextHopAddress, `127.0.0.1:${two.peerPort}`);
  assert.deepEqual(length(), [1, 2]);
});
