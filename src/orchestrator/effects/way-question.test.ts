import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { askWay } from "./way-question.ts";

const NAME = "reviews.globex.test";
const never = new AbortController().signal;

async function egress(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const answering = (t: TestContext, status: number, body: string): Promise<string> =>
  egress(t, (_, response) => {
    response.statusCode = status;
    response.end(body);
  });

const reply = (code: string, message: string): string =>
  JSON.stringify({ errors: [{ message, extensions: { code } }] });

test("a service is asked by its name, with a query that every service knows", async (t) => {
  let seen: unknown;
  const at = await egress(t, (request, response) => {
    const { method, url, headers } = request;
    request.on("data", (chunk: Buffer) => {
      seen = [method, url, headers.host, headers["content-type"], chunk.toString()];
    });
    request.on("end", () => response.end('{"data":{"__typename":"Query"}}'));
  });
  assert.equal(await askWay(at, NAME, never), undefined);
  assert.deepEqual(seen, ["POST", "/", NAME, "application/json", '{"query":"{__typename}"}']);
});

test("whatever the service says opens the way, and what an Envoy says closes it", async (t) => {
  const long = reply("ERR_UPSTREAM", "x".repeat(5_000));
  const open: readonly (readonly [number, string])[] = [
    [200, reply("ERR_TOKEN_MISSING", "no token")],
    [401, "who are you"],
    [404, "nothing here"],
    [500, reply("INTERNAL_SERVER_ERROR", "broken")],
    [503, "null"],
    [503, '{"errors":{}}'],
    [502, long],
    [503, ""],
  ];
  for (const [status, body] of open)
    assert.equal(await askWay(await answering(t, status, body), NAME, never), undefined, body.slice(0, 80));
  for (const [status, code, message] of [
    [404, "ERR_NOT_FOUND", `no route to ${NAME}`],
    [403, "ERR_DENIED", `not allowed to ask for ${NAME}`],
    [503, "ERR_UPSTREAM", `${NAME} did not answer`],
  ] as const) {
    const at = await answering(t, status, reply(code, message));
    assert.equal(await askWay(at, NAME, never), message);
  }
  const wordy = await askWay(await answering(t, 503, reply("ERR_UPSTREAM", "y".repeat(3_000))), NAME, never);
  assert.equal(wordy?.length, 300);
});

test("it ends with a reason when nothing listens, nothing answers, the answer never ends, or the node stops", async (t) => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  assert.equal(await askWay(`127.0.0.1:${port}`, NAME, never), "nothing listens at egress");
  const silent = await egress(t, () => {});
  assert.equal(await askWay(silent, NAME, never, 50), "no answer within 50 ms");
  const endless = await egress(t, (_, response) => {
    response.statusCode = 503;
    response.write("{");
  });
  assert.equal(await askWay(endless, NAME, never, 50), "no answer within 50 ms");
  const stop = new AbortController();
  const asked = askWay(silent, NAME, stop.signal);
  stop.abort(new Error("the node is stopping"));
  assert.match((await asked) ?? "", /abort/);
});
