// Starts that could go wrong: a name that Envoy waits for, and an orchestrator that does not know everything yet while Envoy
// is serving. The first test shows why the reference check exists, with a server that does what the protocol asks.

import assert from "node:assert/strict";
import { createServer } from "node:http2";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { needs } from "../../test/kit/needs.ts";
import { EnvoyConfigurator } from "./configurator.ts";
import { encode } from "./encode.ts";
import { askEnvoy, probeReady } from "./process/admin.ts";
import { envoyCommand } from "./process/command.ts";
import { writeBootstrap } from "./process/bootstrap.ts";
import {
  ask,
  echo,
  envoyBinary,
  eventually,
  folder,
  freePort,
  httpService,
  quiet,
  serve,
  spawnEnvoy,
  startNode,
} from "./testing.ts";
import { ingressListener } from "./translate/index.ts";
import type { EnvoyBase } from "./translate/index.ts";
import { readRequest, resourceBytes, responseBytes } from "./xds/discovery.ts";
import { FrameReader, frameHead } from "./xds/frame.ts";
import { TYPE_URL, XdsServer } from "./xds/index.ts";

const baseOf = (dir: string, port: number): EnvoyBase => ({
  node: "edge1.acme.catalyst.internal",
  identity: "own",
  listen: { address: "127.0.0.1", port },
  gateway: { path: join(dir, "gateway-http.sock") },
  auth: { path: join(dir, "auth-http.sock") },
  bodyLimitBytes: 65_536,
});

test(
  'a name answered "removed" at start hangs Envoy, so ours is never in that place',
  needs("envoy"),
  async (t) => {
    const dir = await folder(t);
    const socket = join(dir, "xds.sock");
    const listener = JSON.parse(
      JSON.stringify(ingressListener(baseOf(dir, await freePort()))).replace(
        '"initial_fetch_timeout":"5s"',
        '"initial_fetch_timeout":"0.5s"',
      ),
    ) as ReturnType<typeof ingressListener>;
    const wire = resourceBytes(
      "listener",
      "ingress",
      "1",
      encode("envoy.config.listener.v3.Listener", listener),
    );
    // As the protocol says: what is asked for and does not exist is answered as removed.
    const removed = new Set<string>();
    const server = createServer();
    server.on("stream", (stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" });
      stream.on("error", () => stream.destroy());
      const frames = new FrameReader(1 << 20);
      const seen = new Set<string>();
      stream.on("data", (chunk: Buffer) => {
        for (const message of frames.push(chunk)) {
          const request = readRequest(message);
          if (seen.has(request.typeUrl)) continue;
          seen.add(request.typeUrl);
          const type = (["cluster", "listener", "route", "extension"] as const).find(
            (x) => TYPE_URL[x] === request.typeUrl,
          );
          if (type === undefined) continue;
          for (const name of request.subscribe) removed.add(`${type}/${name}`);
          const pieces = responseBytes(type, type, type === "listener" ? [wire] : [], request.subscribe);
          stream.write(Buffer.concat([frameHead(pieces), ...pieces]));
        }
      });
    });
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    t.after(() => void server.close());
    const adminSocket = join(dir, "admin.sock");
    const file = join(dir, "bootstrap.json");
    writeBootstrap(file, { node: "n", organization: "o", xdsSocket: socket, adminSocket });
    const { command, args } = envoyCommand({ binary: await envoyBinary(), bootstrap: file, concurrency: 1 });
    spawnEnvoy(t, command, args);
    await eventually(
      () => removed.has("extension/catalyst.jwt") && removed.has("route/ingress"),
      "Envoy asked",
    );
    await sleep(1_500); // three times its own time limit for the first fetch
    assert.equal(await probeReady(adminSocket), false);
    assert.match((await askEnvoy(adminSocket, "/ready")).body, /INITIALIZING/);

    const ours = new XdsServer({ log: quiet });
    await assert.rejects(
      ours.publish([
        { type: "listener", name: "ingress", bytes: Buffer.from([1]), needs: ["route/ingress"] },
      ]),
      { code: "ERR_XDS_REFERENCE", message: "listener/ingress names route/ingress, which does not exist" },
    );
  },
);

test(
  "a restarted orchestrator that does not know the keys yet takes nothing from Envoy",
  needs("envoy"),
  async (t) => {
    const files = await serve(t, echo("files"));
    const want = httpService("files.acme.catalyst.internal", [files]);
    const node = await startNode(t, { services: [want] });
    await node.server.close();
    const again = new XdsServer({ log: quiet });
    const configurator = new EnvoyConfigurator(again);
    configurator.setBase(node.base);
    configurator.setService(want.service, want);
    const flushed = await configurator.flush();
    assert.equal(flushed.keys, undefined);
    await again.listen(node.xdsSocket);
    t.after(() => again.close());
    const acked = (type: string): number => again.status().types.find((x) => x.type === type)?.acked ?? 0;
    await eventually(
      () => acked("listener") === 1 && acked("extension") === 1 && acked("route") === 1,
      "it is back",
    );
    const headers = { ...node.signer.bearer(), host: want.service };
    assert.equal((await ask(node.port, { headers })).status, 200);
    configurator.setKeys(node.signer.keys());
    const keys = (await configurator.flush()).keys;
    assert.equal(keys?.ok === true && keys.acknowledged, true);
    assert.equal((await ask(node.port, { headers })).status, 200);
    assert.ok(
      again.status().types.every((x) => x.acks + x.nacks === 0),
      "and nothing was sent at all",
    );
  },
);

test("Envoy may start before the orchestrator", needs("envoy"), async (t) => {
  const dir = await folder(t);
  const port = await freePort();
  const adminSocket = join(dir, "admin.sock");
  const file = join(dir, "bootstrap.json");
  const xdsSocket = join(dir, "xds.sock");
  writeBootstrap(file, { node: "n", organization: "o", xdsSocket, adminSocket });
  const { command, args } = envoyCommand({ binary: await envoyBinary(), bootstrap: file, concurrency: 1 });
  spawnEnvoy(t, command, args);
  await eventually(
    () =>
      askEnvoy(adminSocket, "/ready").then(
        () => true,
        () => false,
      ),
    "its admin socket answers",
  );
  assert.equal(await probeReady(adminSocket), false);
  const server = new XdsServer({ log: quiet });
  const configurator = new EnvoyConfigurator(server);
  configurator.setBase({ ...baseOf(dir, port), identity: "none" });
  await configurator.flush();
  await server.listen(xdsSocket);
  t.after(() => server.close());
  await eventually(() => probeReady(adminSocket), "ready");
  await eventually(
    () =>
      ask(port, { path: "/healthz" }).then(
        (r) => r.status === 200,
        () => false,
      ),
    "serving",
  );
});
