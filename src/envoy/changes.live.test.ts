// What changes while Envoy serves: keys, endpoints, services. With a real Envoy and open connections, since that is where
// the ways to do it wrong would show.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { Agent, createServer, request } from "node:http";
import { request as httpsRequest } from "node:https";
import { join } from "node:path";
import { test } from "node:test";
import type { TLSSocket } from "node:tls";
import { needs } from "../../test/kit/needs.ts";
import { EnvoyConfigurator } from "./configurator.ts";
import { envoyStats } from "./process/admin.ts";
import {
  Signer,
  ask,
  echo,
  eventually,
  folder,
  freePort,
  httpService,
  quiet,
  serve,
  startEnvoy,
  startNode,
} from "./testing.ts";
import { XdsServer } from "./xds/index.ts";

const FILES = "files.acme.catalyst.internal";

test(
  "a rotated key is in force on an open connection, a withdrawn one is refused at once",
  needs("envoy"),
  async (t) => {
    const { port, signer, configurator, adminSocket } = await startNode(t);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    const next = new Signer();
    const status = async (by: Signer): Promise<number> =>
      (await ask(port, { path: "/graphql", headers: by.bearer(), agent })).status;
    assert.deepEqual([await status(signer), await status(next)], [200, 401]);

    configurator.setKeys(signer.keys(next));
    const both = await configurator.flush();
    assert.equal(both.keys?.ok === true && both.keys.acknowledged, true);
    assert.deepEqual([await status(signer), await status(next)], [200, 200]);

    configurator.setKeys(next.keys());
    await configurator.flush();
    assert.deepEqual([await status(signer), await status(next)], [401, 200]);
    const stats = await envoyStats(
      adminSocket,
      "listener_manager.listener_(modified|added)$|^http.ingress.downstream_cx_total$",
    );
    assert.equal(stats.get("listener_manager.listener_modified"), 0);
    assert.equal(stats.get("http.ingress.downstream_cx_total"), 2, "readiness and this one connection");

    configurator.setKeys(undefined);
    await configurator.flush();
    await assert.rejects(ask(port, { path: "/healthz" }), "without keys ingress is closed");
    configurator.setKeys(next.keys());
    await configurator.flush();
    await eventually(async () => (await status(next).catch(() => 0)) === 200, "ingress is open again");
  },
);

test("endpoints move under load without a failed request", needs("envoy"), async (t) => {
  const [one, two] = [await serve(t, echo("one")), await serve(t, echo("two"))];
  const { port, signer, configurator } = await startNode(t, {
    services: [httpService(FILES, [one])],
  });
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const headers = { ...signer.bearer(), host: FILES };
  let going = true;
  const failed: string[] = [];
  const names = new Set<string>();
  const load = (async () => {
    while (going) {
      const answer = await ask(port, { headers, agent });
      if (answer.status !== 200) failed.push(`${answer.status} ${answer.text}`);
      else names.add((JSON.parse(answer.text) as { name: string }).name);
    }
  })();
  for (let i = 0; i < 40; i++) {
    const endpoints = [[two], [one, two].toSorted(), [one]][i % 3] ?? [];
    configurator.setService(FILES, httpService(FILES, endpoints, { timeoutMs: 5_000 + (i % 5) }));
    const { services } = await configurator.flush();
    assert.equal(services.get(FILES)?.ok, true);
  }
  going = false;
  await load;
  assert.deepEqual(failed, []);
  assert.deepEqual([...names].toSorted(), ["one", "two"]);
});

test("a service nobody asks for costs no counters of traffic", needs("envoy"), async (t) => {
  const files = await serve(t, echo("files"));
  const { port, signer, adminSocket } = await startNode(t, { services: [httpService(FILES, [files])] });
  const counted = async (): Promise<[string, number][]> => [
    ...(await envoyStats(adminSocket, "^cluster.svc_files.*upstream_rq_total$")),
  ];
  assert.deepEqual(await counted(), []);
  assert.equal((await ask(port, { headers: { ...signer.bearer(), host: FILES } })).status, 200);
  assert.deepEqual(
    (await counted()).map(([, value]) => value),
    [1],
  );
});

test(
  "a service comes, goes unhealthy and comes back; whoever shares its prefix is told",
  needs("envoy"),
  async (t) => {
    const files = await serve(t, echo("files"));
    const { port, signer, configurator, server } = await startNode(t);
    const status = async (path: string): Promise<number> =>
      (await ask(port, { path, headers: signer.bearer() })).status;
    const want = httpService(FILES, [files], { ingress: { prefix: "/files" } });
    const resources = (): number[] =>
      server
        .status()
        .types.filter((x) => x.type === "cluster" || x.type === "endpoint")
        .map((x) => x.resources);
    assert.equal(await status("/files"), 404);
    configurator.setService(FILES, want);
    const added = (await configurator.flush()).services.get(FILES);
    assert.equal(added?.ok === true && added.acknowledged, true);
    assert.equal(await status("/files"), 200);
    assert.deepEqual(resources(), [3, 1]);

    const rival = httpService("rival.acme.catalyst.internal", [files], { ingress: { prefix: "/files" } });
    configurator.setService(rival.service, rival);
    const refused = (await configurator.flush()).services.get(rival.service);
    assert.equal(refused?.ok === false && refused.code, "ERR_SERVICE_CONFLICT");
    assert.deepEqual(
      configurator.quarantined().map((q) => q.service),
      [rival.service],
    );

    configurator.setService(FILES, { ...want, endpoints: [] });
    const moved = await configurator.flush();
    assert.equal(moved.services.get(rival.service)?.ok, true, "the prefix is free, so the rival gets it");
    assert.equal(await status("/files"), 200);
    assert.deepEqual(configurator.quarantined(), []);
    configurator.setService(rival.service, undefined);
    await configurator.flush();
    assert.equal(await status("/files"), 404);
    assert.deepEqual(resources(), [2, 0]);
    assert.equal(server.status().quarantined.length, 0);
  },
);

test("a name as endpoint is resolved, and may become an address later", needs("envoy"), async (t) => {
  const files = await serve(t, echo("files"));
  const byName = files.replace("127.0.0.1", "localhost");
  const { port, signer, configurator } = await startNode(t, {
    services: [httpService(FILES, [byName])],
  });
  const status = async (): Promise<number> =>
    (await ask(port, { headers: { ...signer.bearer(), host: FILES } })).status;
  await eventually(async () => (await status()) === 200, "localhost is resolved");
  for (const endpoint of [files, byName, files]) {
    configurator.setService(FILES, httpService(FILES, [endpoint]));
    assert.equal((await configurator.flush()).services.get(FILES)?.ok, true);
    await eventually(async () => (await status()) === 200, `${endpoint} serves`);
  }
});

test(
  "a restarted orchestrator sends nothing, and Envoy keeps every connection",
  needs("envoy"),
  async (t) => {
    const files = await serve(t, echo("files"));
    const services = ["a", "b", "c"].map((x) => httpService(`${x}.acme.catalyst.internal`, [files]));
    const node = await startNode(t, { services });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    const headers = { ...node.signer.bearer(), host: "a.acme.catalyst.internal" };
    assert.equal((await ask(node.port, { headers, agent })).status, 200);
    const filter =
      "^http.ingress.downstream_cx_total$|update_success$|config_reload$|listener_modified$|total_listeners_draining$";
    const before = await envoyStats(node.adminSocket, filter);
    await node.server.close();
    assert.equal(
      (await ask(node.port, { headers, agent })).status,
      200,
      "Envoy serves without the orchestrator",
    );

    const again = new XdsServer({ log: quiet });
    const configurator = new EnvoyConfigurator(again);
    configurator.setBase(node.base);
    // In another order than the first time: only names may decide.
    for (const want of services.toReversed()) configurator.setService(want.service, want);
    configurator.setKeys(node.signer.keys());
    await configurator.flush();
    await again.listen(node.xdsSocket);
    t.after(() => again.close());
    await eventually(
      () => again.status().types.every((x) => x.acked === x.resources && !x.pending),
      "all is known",
    );
    const { types, node: seen } = again.status();
    assert.deepEqual(
      types.map((x) => x.acks + x.nacks),
      types.map(() => 0),
      "no response was sent",
    );
    assert.equal(seen?.id, "edge1.acme.catalyst.internal");
    assert.match(seen?.version ?? "", /^1\.\d+\.\d+$/);
    assert.deepEqual(await envoyStats(node.adminSocket, filter), before);
    assert.equal((await ask(node.port, { headers, agent })).status, 200);

    configurator.setService("d.acme.catalyst.internal", httpService("d.acme.catalyst.internal", [files]));
    assert.equal((await configurator.flush()).services.get("d.acme.catalyst.internal")?.ok, true);
    const d = { ...node.signer.bearer(), host: "d.acme.catalyst.internal" };
    assert.equal((await ask(node.port, { headers: d, agent })).status, 200);
  },
);

test("everything is with Envoy after it was killed and started again", needs("envoy"), async (t) => {
  const files = await serve(t, echo("files"));
  const node = await startNode(t, { services: [httpService(FILES, [files])] });
  const exited = new Promise((resolve) => node.envoy.once("exit", resolve));
  node.envoy.kill("SIGKILL");
  await exited;
  await eventually(() => !node.server.connected, "the server notices");
  node.configurator.setService(FILES, httpService(FILES, [files], { timeoutMs: 1_234 }));
  const verdict = (await node.configurator.flush()).services.get(FILES);
  assert.equal(verdict?.ok === true && !verdict.acknowledged, true, "taken, but by nobody yet");
  await startEnvoy(t, node.dir);
  const headers = { ...node.signer.bearer(), host: FILES };
  await eventually(
    async () => (await ask(node.port, { headers }).catch(() => undefined))?.status === 200,
    "it serves",
  );
});

test(
  "ingress speaks TLS with the certificate it was given, and takes a renewed one",
  needs("envoy", "openssl"),
  async (t) => {
    const dir = await folder(t);
    const certificate = (name: string): { certificate: string; key: string } => {
      const [key, crt] = [join(dir, `${name}.key`), join(dir, `${name}.pem`)];
      execFileSync(
        "openssl",
        [
          ...[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
          ],
          ...["-subj", `/CN=${name}`, "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", crt],
        ],
        { stdio: "ignore" },
      );
      return { certificate: readFileSync(crt, "utf8"), key: readFileSync(key, "utf8") };
    };
    const port = await freePort();
    const first = certificate("first");
    const listen = { address: "127.0.0.1", port };
    const server = new XdsServer({ log: quiet });
    const configurator = new EnvoyConfigurator(server);
    const base = {
      node: "edge1.acme.catalyst.internal",
      identity: "own",
      listen,
      gateway: { path: join(dir, "g.sock") },
      auth: { path: join(dir, "a.sock") },
      bodyLimitBytes: 1024,
    } as const;
    configurator.setBase({ ...base, tls: first });
    configurator.setKeys(new Signer().keys());
    await configurator.flush();
    await server.listen(join(dir, "xds.sock"));
    t.after(() => server.close());
    await startEnvoy(t, dir);
    const subject = (ca: string): Promise<string> => {
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      const sent = httpsRequest({ port, host: "localhost", path: "/healthz", ca, agent: false }, (answer) => {
        answer.resume();
        const socket = answer.socket as TLSSocket;
        resolve(`${answer.statusCode} ${socket.getPeerCertificate().subject.CN}`);
      });
      sent.on("error", reject).end();
      return promise;
    };
    await eventually(
      async () => (await subject(first.certificate).catch(() => "")) === "200 first",
      "TLS is up",
    );
    const second = certificate("second");
    configurator.setBase({ ...base, tls: second });
    assert.equal((await configurator.flush()).base?.ok, true);
    assert.equal(await subject(second.certificate), "200 second");
  },
);

test(
  "an upgraded connection and an event stream outlive a service's time limit",
  needs("envoy"),
  async (t) => {
    let slowCalls = 0;
    const files = await serve(t, (req, res) => {
      if (req.url === "/slow") return void slowCalls++;
      res.writeHead(200, { "content-type": "text/event-stream" });
      res.write("data: 1\n\n");
      setTimeout(() => res.end("data: 2\n\n"), 700);
    });
    const sockets = createServer();
    sockets.on("upgrade", (_req, socket) => {
      socket.on("error", () => socket.destroy());
      socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
      setTimeout(() => socket.end("late"), 700);
    });
    await new Promise<void>((resolve) => sockets.listen(0, "127.0.0.1", resolve));
    t.after(() => void sockets.close());
    const address = sockets.address();
    assert.ok(typeof address === "object" && address !== null);
    const ws = `127.0.0.1:${address.port}`;
    const { port, signer } = await startNode(t, {
      services: [
        httpService(FILES, [files], { timeoutMs: 300 }),
        httpService("ws.acme.catalyst.internal", [ws], { timeoutMs: 300 }),
      ],
    });
    const headers = { ...signer.bearer(), host: FILES };
    const slow = await ask(port, { path: "/slow", headers });
    assert.equal(slow.status, 504);
    assert.match(slow.text, /ERR_UPSTREAM/);
    assert.equal(slowCalls, 1, "a call that ran out of time is not made again");
    const events = await ask(port, { headers });
    assert.equal(events.text, "data: 1\n\ndata: 2\n\n");
    const said = await new Promise<string>((resolve, reject) => {
      const upgrade = { connection: "upgrade", upgrade: "websocket", host: "ws.acme.catalyst.internal" };
      const sent = request({ port, host: "127.0.0.1", headers: { ...signer.bearer(), ...upgrade } });
      sent.on("upgrade", (_res, socket) => {
        let text = "";
        socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
        socket.on("close", () => resolve(text));
      });
      sent.on("response", (res) => reject(new Error(`answered ${res.statusCode}`)));
      sent.on("error", reject).end();
    });
    assert.equal(said, "late");
  },
);
