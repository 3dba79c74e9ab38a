// A service that comes at the end of a line of nodes, each with its Envoy, and queries at its beginning that never stop: from the
// first answer on that knows of the service every answer has its data, for it joins the graph when its way is open, all of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { schema as reviewsSchema } from "../../examples/reviews/reviews.ts";
import { serveGraphql } from "../../examples/subgraph/serve.ts";
import { needs } from "../kit/needs.ts";
import { ask, until } from "../kit/node.ts";
import { startNodes } from "../kit/whole-nodes.ts";

const ORGANIZATION = "acme.catalyst.internal";
const QUERY = "{ latestReviews(first: 1) { author } }";
const ROUNDS = 5;

/** Queries that never stop, and what they were answered. */
function asking(ingress: string, token: string) {
  const answers: string[] = [];
  let stopped = false;
  const load = Array.from({ length: 4 }, async () => {
    while (!stopped) answers.push((await ask(ingress, token, QUERY)).text);
  });
  const answered = (): boolean => answers.some((text) => text.includes('"data":{'));
  return {
    answers,
    answered,
    /** What is neither an answer with data nor that of a graph which knows no such field. */
    wrong: async (): Promise<string[]> => {
      stopped = true;
      await Promise.all(load);
      return answers.filter((text) => !text.includes('"data":{') && !text.includes("Cannot query field"));
    },
  };
}

test("queries that never stop see a service of a far node whole or not at all", needs("envoy"), async (t) => {
  const names = ["n1", "n2", "n3"].map((label) => `${label}.${ORGANIZATION}`);
  const links = [
    [0, 1],
    [1, 2],
  ] as const;
  const [near, middle, far] = await startNodes(t, names, links, { processes: "one" });
  assert.ok(near !== undefined && middle !== undefined && far !== undefined);
  const reviews = await serveGraphql(reviewsSchema(), { port: 0 });
  t.after(() => reviews.close());
  const token = await near.node.token();
  const add = { name: "reviews", protocol: "http:graphql", endpoints: [reviews.url] };
  const inGraph = async (): Promise<boolean> =>
    (await near.node.call("status", {})).gateway?.services.length === 1;

  await t.test("it comes and goes", async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const load = asking(near.node.ingress, token);
      await far.node.call("service.add", add);
      await until("the query is answered", load.answered);
      assert.deepEqual(await load.wrong(), []);
      await far.node.call("service.remove", { name: "reviews" });
      await until("it is gone", async () => !(await inGraph()));
    }
  });

  await t.test("an Envoy on the way stands still", async () => {
    const { pid } = await middle.node.part("envoy");
    assert.ok(pid !== undefined);
    process.kill(pid, "SIGSTOP");
    const load = asking(near.node.ingress, token);
    try {
      await far.node.call("service.add", add);
      await until("the reason is told", async () => {
        const { problems } = await near.node.call("status", {});
        return problems.some(({ text }) => text.includes("the way to it is not open yet: "));
      });
      assert.equal(await inGraph(), false);
    } finally {
      process.kill(pid, "SIGCONT");
    }
    await until("the query is answered", load.answered);
    assert.deepEqual(await load.wrong(), []);
    assert.deepEqual((await near.node.call("status", {})).problems, []);
  });
});
