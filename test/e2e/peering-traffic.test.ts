// Two whole nodes of two organizations, each with its Envoy and everything between them: a service of one is reached through the
// other by its name, while it is well, is told, and is believed; an orchestrator that is killed takes nothing of it away.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { PartStatus } from "#rpc";
import { ask } from "../../src/envoy/testing.ts";
import { needs } from "../kit/needs.ts";
import { freePort, TestNode, until } from "../kit/node.ts";
import { initPlace, type Place } from "../kit/place.ts";

const ACME = "acme.catalyst.internal";
const GLOBEX = "globex.catalyst.internal";
const FILES = `files.${GLOBEX}`;

const start = async (t: TestContext, own: Place, egress: number, rest: object): Promise<TestNode> =>
  TestNode.start(t, {
    folder: own.folder,
    config: {
      organization: own.organization,
      node: "edge1",
      control: { listen: own.control },
      peer: { listen: `127.0.0.1:${await freePort()}` },
      egress: { listen: `127.0.0.1:${egress}` },
      ...rest,
    },
  });

const parts = async (node: TestNode): Promise<readonly PartStatus[]> => (await node.call("status", {})).parts;

test("a service of another organization is reached by its name", needs("envoy"), async (t) => {
  let healthy = true;
  const server = createServer((_, response) => {
    response.statusCode = healthy ? 200 : 500;
    response.end("hello");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const [acme, globex] = await Promise.all([initPlace(t, ACME), initPlace(t, GLOBEX)]);
  const peer = ({ name, control, trust }: Place) => ({
    node: name,
    address: control,
    trust: { file: trust },
  });
  const egress = await freePort();
  const [node, far] = await Promise.all([
    start(t, acme, egress, {
      peers: [peer(globex)],
      imports: [{ peer: `*.${GLOBEX}`, action: "accept" }],
    }),
    start(t, globex, 0, {
      peers: [peer(acme)],
      services: [
        {
          name: "files",
          protocol: "http",
          endpoint,
          export: true,
          probe: { kind: "http", interval: "250ms" },
        },
      ],
    }),
  ]);
  const get = async () => await ask(egress, { headers: { host: FILES } });
  const answers = (status: number) =>
    until(`${FILES} answers ${status}`, async () => {
      const answer = await get().catch(() => undefined);
      return answer?.status === status;
    });
  await answers(200);
  assert.equal((await get()).text, "hello");
  for (const one of [node, far]) assert.deepEqual((await one.call("status", {})).problems, []);

  await t.test("it goes when it is not well, and the answer names it", async () => {
    healthy = false;
    await answers(404);
    assert.match((await get()).text, new RegExp(`no route to ${FILES}`));
    healthy = true;
    await answers(200);
  });

  await t.test("an orchestrator that is killed takes no route away", async () => {
    // A crash may lose what was told within the last 100 ms, and that was that the service is well again.
    await sleep(1_000);
    const failed: number[] = [];
    let on = true;
    const load = (async () => {
      while (on) failed.push(...[(await get()).status].filter((status) => status !== 200));
    })();
    for (const one of [node, far]) {
      const pid = (await parts(one)).find(({ name }) => name === "orchestrator")?.pid ?? 0;
      process.kill(pid, "SIGKILL");
      await until("a new orchestrator is ready", async () => {
        const now = (await parts(one).catch(() => [])).find(({ name }) => name === "orchestrator");
        return now?.pid !== pid && now?.state === "ready";
      });
    }
    await until("they talk again", async () => {
      const { peering, problems } = await node.call("status", {});
      return peering?.synced === 1 && problems.length === 0;
    });
    on = false;
    await load;
    assert.deepEqual(failed, []);
  });
});
