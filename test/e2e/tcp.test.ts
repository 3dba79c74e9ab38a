// Scenario `tcp-health`: a service that is to be probed by TCP is asked for a connection and nothing else. One that speaks HTTP to
// it would take an open port for a dead one.

import assert from "node:assert/strict";
import { createServer, type Server, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { needs } from "../kit/needs.ts";
import { get, TestNode, until } from "../kit/node.ts";

const PROBE = { kind: "tcp", interval: "100ms", timeout: "500ms", down: 2, up: 2 };

/** Answers a request through ingress; keeps what else it is told. */
class Service {
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  connections = 0;
  silent = 0;
  readonly told: string[] = [];
  port = 0;

  constructor() {
    this.#server = createServer((socket) => {
      this.connections += 1;
      this.#open.add(socket);
      let heard = "";
      socket.on("data", (bytes: Buffer) => {
        heard += bytes.toString("latin1");
        if (heard.endsWith("\r\n\r\n"))
          socket.end("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 4\r\n\r\nhere");
      });
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#open.delete(socket);
        if (heard === "") this.silent += 1;
        else this.told.push(heard);
      });
    });
  }

  async listen(t: TestContext, port = 0): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
    const address = this.#server.address();
    this.port = typeof address === "object" && address !== null ? address.port : 0;
    t.after(() => this.close());
    return this;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#open) socket.destroy();
  }
}

test("tcp-health: an open port is up, a closed one is down, and it comes back", needs("envoy"), async (t) => {
  const service = await new Service().listen(t);
  const endpoint = `http://127.0.0.1:${service.port}`;
  const node = await TestNode.start(t, {
    config: {
      services: [{ name: "raw", protocol: "http", endpoint, ingress: { prefix: "/raw" }, probe: PROBE }],
    },
  });
  const token = await node.token();
  const served = async (): Promise<string> => {
    const { status, text } = await get(`${node.ingress}/raw/x`, token);
    return status === 200 ? text : String(status);
  };
  const health = async (): Promise<string> => (await node.call("service.show", { name: "raw" })).health;
  await until("up and served", async () => (await health()) === "up" && (await served()) === "here");
  await until("probed again and again", () => service.silent >= 5);
  assert.deepEqual(
    service.told.filter((text) => !text.startsWith("GET /raw/x ")),
    [],
    "probes say nothing",
  );

  service.close();
  await until("down and gone", async () => (await health()) === "down" && (await served()) === "404");
  const { problems } = await node.call("status", {});
  assert.match(problems.map(({ text }) => text).join(), /connection refused/);

  const again = await new Service().listen(t, service.port);
  await until("up and served again", async () => (await health()) === "up" && (await served()) === "here");
  assert.ok(again.silent >= 2, "as often as it takes to be believed");
});
