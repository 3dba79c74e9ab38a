// Scenarios `secrets-in-journal` and `secrets-in-status`: what opens a door is shown once, to whom it was made for, or stands in
// the file of its owner, and nowhere else: not in what is recorded, logged or stored, not in any answer, not in an error. Every
// way in that a secret has, also the wrong ones, is used first; then everything the node wrote and says is searched.

import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { test, type TestContext } from "node:test";
import { createOrganizationCa } from "#auth";
import { systemClock } from "#rpc";
import { needs } from "../kit/needs.ts";
import { ask, catalyst, freePort, get, processesOf, temporaryFolder, TestNode, until } from "../kit/node.ts";
import { otlpReceiver } from "../kit/otlp.ts";

/** Names what it is, for the message of a test that fails. */
type Secrets = Map<string, string>;

const organizationOf = (name: string): string => `${name}.catalyst.internal`;

/** Everything below a folder. */
const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

/** The parts of a key file that are secret: the lines of a PEM, the numbers of a JWK. */
function keysIn(text: string): string[] {
  const pem = [...text.matchAll(/-----BEGIN [A-Z ]*PRIVATE KEY-----([^-]+)-----END/g)].flatMap(
    ([, body = ""]) => body.split("\n").filter((line) => line.length > 20),
  );
  const jwk = [...text.matchAll(/"d"\s*:\s*"([^"]{20,})"/g)].map(([, d = ""]) => d);
  return [...pem, ...jwk];
}

async function two(
  t: TestContext,
): Promise<{ acme: TestNode; globex: TestNode; secrets: Secrets; record: string }> {
  const secrets: Secrets = new Map([["OTLP header", "canary-of-the-collector"]]);
  const receiver = await otlpReceiver(t);
  const folders = { acme: temporaryFolder(t), globex: temporaryFolder(t) };
  const ports = { acme: await freePort(), globex: await freePort() };
  for (const name of ["acme", "globex"] as const) {
    const dataDir = join(folders[name], "node");
    mkdirSync(dataDir, { mode: 0o700 });
    await createOrganizationCa({ dataDir, organization: organizationOf(name), clock: systemClock });
  }
  const record = join(folders.acme, "record");
  const start = async (
    name: "acme" | "globex",
    other: "acme" | "globex",
    rest: object,
    args: readonly string[],
  ) => {
    const trust = join(folders[name], `${other}.pem`);
    cpSync(join(folders[other], "node/certs/trust.pem"), trust);
    return await TestNode.start(t, {
      folder: folders[name],
      args,
      env: { OTLP_KEY: `Bearer ${secrets.get("OTLP header") ?? ""}` },
      config: {
        organization: organizationOf(name),
        control: { listen: `127.0.0.1:${ports[name]}` },
        peer: { listen: `127.0.0.1:${await freePort()}` },
        egress: { listen: `127.0.0.1:${await freePort()}` },
        peers: [
          {
            node: `n.${organizationOf(other)}`,
            address: `127.0.0.1:${ports[other]}`,
            trust: { file: trust },
          },
        ],
        imports: [{ match: { key: "*" }, action: "accept" }],
        ...rest,
      },
    });
  };
  const services = [{ name: "files", protocol: "http", endpoint: "http://127.0.0.1:9", export: true }];
  const otlp = {
    endpoint: `http://127.0.0.1:${receiver.port}`,
    headers: { authorization: { env: "OTLP_KEY" } },
    interval: "200ms",
  };
  const [acme, globex] = await Promise.all([
    start("acme", "globex", { services, telemetry: { otlp, sampling: 1 }, log: { level: "debug" } }, [
      "--record",
      record,
    ]),
    start(
      "globex",
      "acme",
      { services: services.map((one) => ({ ...one, name: "reviews" })), envoy: { disabled: true } },
      [],
    ),
  ]);
  await until("synced", async () =>
    (await acme.call("peer.list", {})).every(({ session }) => session.state === "synced"),
  );
  await until("exported", () => receiver.exports.length > 0);
  return { acme, globex, secrets, record };
}

/** All that a user does with secrets, right and wrong; returns what was answered. */
async function use(acme: TestNode, globex: TestNode, secrets: Secrets): Promise<string[]> {
  const said: string[] = [];
  const run = async (...args: string[]): Promise<{ code: number; out: string }> => {
    const result = await catalyst([...args, "--data-dir", acme.dataDir], { cwd: acme.folder });
    return { code: result.code, out: result.out + result.err };
  };
  const refused = async (...args: string[]): Promise<void> => {
    const { code, out } = await run(...args);
    assert.notEqual(code, 0, `${args.slice(0, 2).join(" ")} was taken: ${out}`);
    said.push(out);
  };
  const { key } = await acme.call("apikey.create", { principal: "ci" });
  secrets.set("API key", key.slice(-24));
  const { token } = await acme.call("token.mint", { sub: "tester" });
  const signature = token.split(".")[2] ?? "";
  secrets.set("token", signature);
  for (const credential of [token, key, `${token}x`, `${key}x`, `${token.slice(0, -30)}${"A".repeat(30)}`]) {
    said.push((await get(`${acme.ingress}/files/`, credential)).text);
    said.push((await ask(acme.ingress, credential, "{ __typename }")).text);
  }
  said.push((await get(`${acme.ingress}/auth/token`, `${key}x`, { method: "POST" })).text);
  said.push((await get(`${acme.ingress}/files/?access_token=${token}`)).text);
  said.push((await run("token", "verify", token)).out);
  await refused("token", "verify", `${token}x`);
  said.push((await run("query", "{ nothing }", "--token", token)).out);
  await refused("query", "{ a", "--token", `${key}x`);
  said.push((await run("apikey", "list", "--json")).out);
  await acme.call("key.rotate", { now: true });
  said.push((await run("key", "list", "--json")).out, (await run("key", "jwks")).out);

  // The wrong file in place of a certificate, alone or with one, and a password in an address.
  const pem = readFileSync(join(globex.dataDir, "keys/node.key"), "utf8");
  const certificate = readFileSync(join(globex.dataDir, "certs/trust.pem"), "utf8");
  const peer = ["peer", "add", "n.hooli.catalyst.internal", "--address", "127.0.0.1:9", "--trust"];
  for (const [name, text] of [
    ["key.pem", pem],
    ["both.pem", `${certificate}${pem}`],
  ] as const) {
    writeFileSync(join(acme.folder, name), text);
    await refused(...peer, name);
  }
  secrets.set("password of an address", "canary-of-the-service");
  const address = `http://user:${secrets.get("password of an address") ?? ""}@127.0.0.1:9`;
  await refused("service", "add", "secret", address);
  writeFileSync(
    join(acme.folder, "wrong.json"),
    JSON.stringify({ telemetry: { otlp: { endpoint: address } } }),
  );
  said.push((await catalyst(["config", "validate", join(acme.folder, "wrong.json")])).err);
  for (const { dataDir } of [acme, globex])
    for (const file of filesIn(join(dataDir, "keys")))
      keysIn(readFileSync(file, "utf8")).forEach((part, at) =>
        secrets.set(`${relative(dataDir, file)} ${at}`, part),
      );
  return said;
}

/** Which secrets a text holds. */
function found(secrets: Secrets, text: string): string[] {
  return [...secrets].filter(([, secret]) => text.includes(secret)).map(([name]) => name);
}

test("secrets", needs("envoy"), async (t) => {
  const { acme, globex, secrets, record } = await two(t);
  const said = await use(acme, globex, secrets);
  assert.ok(secrets.size >= 8, [...secrets.keys()].join());
  await until("all of it is recorded", async () => statSync(record).size > 1_000);

  await t.test("secrets-in-journal: not in events, record, logs and databases", async () => {
    const events = await acme.call("events", { limit: 1_000 });
    assert.ok(events.length > 5);
    assert.deepEqual(found(secrets, JSON.stringify(events)), [], "events");
    assert.deepEqual(found(secrets, acme.log + globex.log), [], "log");
    const own = [acme, globex].flatMap((node) =>
      filesIn(node.dataDir)
        .filter((file) => !file.startsWith(join(node.dataDir, "keys")))
        .concat(node === acme ? [record] : []),
    );
    assert.ok(
      own.some((file) => file.endsWith("state.db")) && own.some((file) => file.endsWith("learned.db")),
    );
    for (const file of own) {
      // What Envoy starts with is read by nobody else.
      const bootstrap = file === join(acme.dataDir, "run/envoy.json");
      if (bootstrap) assert.equal(statSync(file).mode & 0o777, 0o600);
      const allowed = bootstrap ? ["OTLP header"] : [];
      assert.deepEqual(found(secrets, readFileSync(file, "latin1")), allowed, file);
    }
  });

  await t.test("secrets-in-status: not in any answer, nor in an error", async () => {
    const verbs = [
      ["status"],
      ["check"],
      ["config", "show"],
      ["config", "show", "--origin"],
      ["envoy", "config"],
      ["envoy", "status"],
      ["service", "list"],
      ["peer", "list"],
      ["peer", "show", "globex"],
      ["route", "list"],
      ["import", "list"],
      ["apikey", "list"],
      ["key", "list"],
      ["events", "--limit", "1000"],
    ];
    for (const verb of verbs) {
      // JSON holds all that a screen draws.
      const { out, err, code } = await catalyst([...verb, "--json", "--data-dir", acme.dataDir]);
      assert.ok(out.length + err.length > 0 && code !== 64, `${verb.join(" ")}: ${out}${err}`);
      assert.deepEqual(found(secrets, out + err), [], verb.join(" "));
    }
    for (const text of said) assert.deepEqual(found(secrets, text), [], text);
    for (const pid of processesOf(acme.folder))
      assert.deepEqual(found(secrets, readFileSync(`/proc/${pid}/cmdline`, "latin1")), [], "a command line");
  });
});
