// The port of ingress is taken between the node's own look at it and Envoy's: the node says so and comes to itself.

import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { clientPaths } from "#config";
import { type AdminApi, connect } from "#rpc";
import { needs } from "../kit/needs.ts";
import { freePort, get, startProgram, temporaryFolder, until } from "../kit/node.ts";

for (const processes of ["split", "one"] as const)
  test(`${processes}: a refused listener is told, and tried until it is taken`, needs("envoy"), async (t) => {
    const folder = temporaryFolder(t);
    const port = await freePort();
    const dataDir = join(folder, "node");
    const file = join(folder, "catalyst.json");
    writeFileSync(
      file,
      JSON.stringify({ node: "n", dataDir, processes, ingress: { listen: `127.0.0.1:${port}` } }),
    );
    const program = startProgram(t, ["run", file], folder);
    const { adminSock } = clientPaths(dataDir);
    const authSock = join(adminSock, "..", processes === "split" ? "auth.sock" : "auth-http.sock");
    await until("auth is there", () => existsSync(authSock));
    const thief = createServer((socket) => socket.end());
    await new Promise<void>((resolve) => thief.listen(port, "127.0.0.1", resolve));
    t.after(() => thief.close());

    await until("the admin socket", () => existsSync(adminSock));
    const session = await connect<AdminApi>({ unix: adminSock }, { deadlineMs: 10_000 });
    t.after(() => session.close());
    const refused = async () => {
      const { problems, health } = await session.stub.call("status", {});
      return { health, problem: problems.find(({ code }) => code === "ERR_ENVOY_REFUSED") };
    };
    await until("told", async () => (await refused()).problem !== undefined);
    const { health, problem } = await refused();
    assert.equal(health, "down");
    assert.match(problem?.text ?? "", new RegExp(`^Envoy cannot listen at 127.0.0.1:${port}: .*in use`));
    assert.match(problem?.hint ?? "", /ingress\.listen/);
    const check = (await session.stub.call("check", {})).find(({ name }) => name === "ingress");
    assert.equal(check?.ok, false);
    assert.match(check?.text ?? "", /ERR_ENVOY_REFUSED/);
    assert.doesNotMatch(program.output(), /serves at/);

    await new Promise<void>((resolve) => thief.close(() => resolve()));
    await until("it serves", () => program.output().includes("serves at"));
    assert.equal((await get(`http://127.0.0.1:${port}/healthz`)).status, 200);
    const after = await session.stub.call("status", {});
    assert.deepEqual(after.problems, []);
    assert.equal(after.health, "ok");
  });
