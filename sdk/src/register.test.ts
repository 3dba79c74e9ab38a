// The registration against a small node: a real HTTP server on a real socket that keeps leases, is killed and
// comes back.

import assert from "node:assert/strict";
import { mkdtemp, mkdir, rm, symlink } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { resolveAddress } from "./address.ts";
import { RegistrationError } from "./error.ts";
import { register, type Registration } from "./register.ts";

class SmallNode {
  readonly leases = new Map<string, Record<string, unknown>>();
  readonly streams = new Set<ServerResponse>();
  readonly keys: (string | undefined)[] = [];
  renewMs = 10_000;
  posts = 0;
  refuse: { status: number; body: string } | undefined;
  #server: Server | undefined;
  #changed = Promise.withResolvers<undefined>();

  async listen(at: string | 0): Promise<string> {
    const server = createServer((request, response) => void this.#answer(request, response));
    this.#server = server;
    await new Promise<void>((resolve) => {
      if (at === 0) server.listen(0, "127.0.0.1", resolve);
      else server.listen(at, resolve);
    });
    const address = server.address();
    return typeof address === "object" && address !== null
      ? `http://127.0.0.1:${address.port}`
      : `unix:${at}`;
  }

  /** Gone without a word, as after a kill -9. */
  async kill(): Promise<void> {
    this.leases.clear();
    const server = this.#server;
    if (server?.listening !== true) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
    this.streams.clear();
  }

  drain(): void {
    for (const stream of this.streams) stream.write("event: drain\ndata: {}\n\n");
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await this.#changed.promise;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "", "http://node");
    this.keys.push(request.headers.authorization);
    if (request.method === "POST") {
      let text = "";
      for await (const chunk of request) text += String(chunk);
      this.posts++;
      const body = JSON.parse(text);
      if (this.refuse === undefined) {
        this.leases.set(body.lease, body);
        const name = `${body.name}.acme.catalyst.internal`;
        response.end(
          JSON.stringify({ lease: body.lease, name, ttlMs: this.renewMs * 3, renewMs: this.renewMs }),
        );
      } else response.writeHead(this.refuse.status).end(this.refuse.body);
    } else if (request.method === "DELETE") {
      const known = this.leases.delete(url.pathname.split("/").at(-1) ?? "");
      response.writeHead(known ? 204 : 404).end();
    } else {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("event: registered\ndata: {}\n\n");
      this.streams.add(response);
      response.on("close", () => this.streams.delete(response));
    }
    this.#changed.resolve(undefined);
    this.#changed = Promise.withResolvers();
  }
}

async function scene() {
  const folder = await mkdtemp(join(tmpdir(), "catalyst-sdk-"));
  const node = new SmallNode();
  const path = join(folder, "sdk.sock");
  const registrations: Registration[] = [];
  return {
    folder,
    node,
    path,
    keep: (registration: Registration): Registration => {
      registrations.push(registration);
      return registration;
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(registrations.map((each) => each.close()));
      await node.kill();
      await rm(folder, { recursive: true });
    },
  };
}

const reviews = { name: "reviews", protocol: "http:graphql", endpoint: "http://127.0.0.1:5002/graphql" };

test("registers, renews and leaves", async () => {
  await using stage = await scene();
  stage.node.renewMs = 100;
  const url = await stage.node.listen(stage.path);
  const registration = stage.keep(await register({ ...reviews, url, labels: { tier: "one" } }));
  assert.equal(registration.state, "registering");
  await registration.ready;
  assert.equal(registration.state, "registered");
  assert.equal(registration.name, "reviews.acme.catalyst.internal");
  const [[lease, body] = ["", {}]] = stage.node.leases;
  assert.deepEqual(body, { ...reviews, labels: { tier: "one" }, lease });
  await stage.node.until(() => stage.node.posts >= 3);
  assert.equal(stage.node.leases.size, 1);
  await registration.close();
  assert.equal(registration.state, "closed");
  assert.equal(stage.node.leases.size, 0);
  await registration.close();
});

test("a node that is killed and comes back finds the service again, under the same lease", async () => {
  await using stage = await scene();
  const url = await stage.node.listen(stage.path);
  const errors: string[] = [];
  const registration = stage.keep(
    await register({ ...reviews, url, onError: (error) => void errors.push(error.code) }),
  );
  await registration.ready;
  await stage.node.until(() => stage.node.streams.size === 1);
  const [lease] = stage.node.leases.keys();
  await stage.node.kill();
  await stage.node.listen(stage.path);
  await stage.node.until(() => stage.node.leases.size === 1 && stage.node.streams.size === 1);
  assert.deepEqual([...stage.node.leases.keys()], [lease]);
  assert.equal(errors.includes("ERR_NODE_UNREACHABLE"), true);
});

test("a service may start before its node", async () => {
  await using stage = await scene();
  const registration = stage.keep(await register({ ...reviews, url: `unix:${stage.path}` }));
  const failed = Promise.withResolvers<RegistrationError>();
  registration.onError(failed.resolve);
  assert.equal((await failed.promise).code, "ERR_NODE_UNREACHABLE");
  await stage.node.listen(stage.path);
  await registration.ready;
  assert.equal(stage.node.leases.size, 1);
});

test("a refusal is told with the node's own words, and tried again", async () => {
  await using stage = await scene();
  const url = await stage.node.listen(0);
  const error = {
    code: "ERR_SERVICE_CONFLICT",
    message: "reviews is owned by catalyst.json:7",
    hint: "rename it",
  };
  stage.node.refuse = { status: 409, body: JSON.stringify({ error }) };
  const registration = stage.keep(await register({ ...reviews, url, apiKey: "cat_live_x" }));
  await assert.rejects(registration.ready, (caught) => {
    assert(caught instanceof RegistrationError);
    assert.deepEqual({ code: caught.code, message: caught.message, hint: caught.hint }, error);
    assert.equal(caught.status, 409);
    return true;
  });
  stage.node.refuse = undefined;
  await stage.node.until(() => stage.node.leases.size === 1);
  assert.equal(
    stage.node.keys.every((key) => key === "Bearer cat_live_x"),
    true,
  );
});

test("an answer that is none of the protocol is an error, not a crash", async () => {
  await using stage = await scene();
  const url = await stage.node.listen(0);
  stage.node.refuse = { status: 200, body: "<html>" };
  const registration = stage.keep(await register({ ...reviews, url }));
  const failed = Promise.withResolvers<RegistrationError>();
  registration.onError(failed.resolve);
  assert(["ERR_INTERNAL", "ERR_HTTP_STATUS"].includes((await failed.promise).code));
});

test("drain is told to every listener, and a listener's error stays its own", async () => {
  await using stage = await scene();
  const url = await stage.node.listen(stage.path);
  const registration = stage.keep(await register({ ...reviews, url }));
  const warned = Promise.withResolvers<Error>();
  process.once("warning", warned.resolve);
  const drained = Promise.withResolvers<undefined>();
  registration.onDrain(() => {
    throw new Error("listener broke");
  });
  registration.onDrain(() => drained.resolve(undefined));
  await registration.ready;
  await stage.node.until(() => stage.node.streams.size === 1);
  stage.node.drain();
  await drained.promise;
  assert.equal(registration.state, "draining");
  assert.equal((await warned.promise).message, "listener broke");
});

test("closing ends also while the node hangs", async () => {
  await using stage = await scene();
  const hanging = createServer(() => undefined);
  await new Promise<void>((resolve) => hanging.listen(stage.path, resolve));
  const asked = new Promise((resolve) => hanging.once("request", resolve));
  const registration = await register({ ...reviews, url: `unix:${stage.path}` });
  await asked;
  const closed = registration.close();
  await assert.rejects(registration.ready, { code: "ERR_CLOSED" });
  await closed;
  hanging.close();
  hanging.closeAllConnections();
});

test("wrong arguments reject", async () => {
  await assert.rejects(register({ name: "", protocol: "http" }), { code: "ERR_INVALID_ARGUMENT" });
  await assert.rejects(register({ name: "a", protocol: "http" }), { code: "ERR_INVALID_ARGUMENT" });
});

test("the node is found as the CLI finds it", async () => {
  await using stage = await scene();
  const { folder } = stage;
  assert.deepEqual(resolveAddress("unix:/x/sdk.sock", {}).socketPath, "/x/sdk.sock");
  assert.equal(resolveAddress(undefined, { CATALYST_SDK_URL: "http://h:1" }).url?.host, "h:1");
  assert.throws(() => resolveAddress("ftp://x", {}), { code: "ERR_INVALID_ARGUMENT" });
  // A long data directory: `run` is a link to a short one.
  const long = join(folder, "x".repeat(100));
  const short = join(folder, "short");
  await Promise.all([mkdir(long), mkdir(short)]);
  await symlink(short, join(long, "run"));
  const node = new SmallNode();
  await node.listen(join(short, "sdk.sock"));
  assert.equal(resolveAddress(undefined, { CATALYST_DATA_DIR: long }).socketPath, join(short, "sdk.sock"));
  // The only node of this user, and two of them.
  const env = { XDG_DATA_HOME: join(folder, "share") };
  assert.throws(() => resolveAddress(undefined, env), { code: "ERR_NODE_UNREACHABLE" });
  await mkdir(join(folder, "share/catalyst/.running"), { recursive: true });
  await symlink(long, join(folder, "share/catalyst/.running/abc"));
  assert.equal(resolveAddress(undefined, env).socketPath, join(short, "sdk.sock"));
  await mkdir(join(folder, "share/catalyst/edge2/run"), { recursive: true });
  const second = new SmallNode();
  await second.listen(join(folder, "share/catalyst/edge2/run/sdk.sock"));
  assert.throws(() => resolveAddress(undefined, env), { code: "ERR_NODE_AMBIGUOUS" });
  // A folder that cannot be read is not one without nodes.
  await mkdir(join(folder, "round"));
  await symlink("catalyst", join(folder, "round/catalyst"));
  assert.throws(() => resolveAddress(undefined, { XDG_DATA_HOME: join(folder, "round") }), {
    message: /^cannot look for a node in .* \(ELOOP\)$/,
  });
  await Promise.all([node.kill(), second.kill()]);
});
