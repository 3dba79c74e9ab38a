// What people and scripts see of each verb, compared with golden files: the node's answers are fixed (testdata/results.ts), the
// transport and everything of the program are real. `--test-update-snapshots` writes them anew.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { cut, screenText } from "./render/screen.ts";
import { statusText } from "./render/status.ts";
import { PLAIN, styleFor } from "./render/style.ts";
import { catalyst, fixedNode, temporary, transcript } from "./testing.ts";
import { RESULTS } from "./testdata/results.ts";
import { VERBS } from "./verbs.ts";

const testdata = join(import.meta.dirname, "testdata");
const golden = (t: TestContext, name: string, text: string): void =>
  t.assert.fileSnapshot(text, join(testdata, name), { serializers: [String] });

const LINES = [
  "status",
  "check",
  "service list",
  "service show reviews",
  "service add files http://127.0.0.1:5003 --prefix /files --strip-prefix --label tier=gold",
  "service remove files",
  "service export books --to globex.catalyst.internal",
  "service unexport books",
  "peer list",
  "peer show edge2",
  "peer add hub.initech.catalyst.internal --role provider --hold 5s --max-routes 100000",
  "peer remove hub",
  "peer up edge2",
  "peer down edge2 maintenance",
  "peer refresh globex",
  `peer diff ${join(import.meta.dirname, "testdata/rules.json")}`,
  "route list --table external",
  "route show reviews",
  "route explain reviews",
  "import list",
  "import add reject --from initech.catalyst.internal --role provider --community initech:beta --unsafe",
  "import remove 0f9e",
  "import test reviews",
  "export list",
  "export add accept books.acme.catalyst.internal --to globex.catalyst.internal --set-cost 5",
  "export remove 1",
  "export test --peer globex",
  "apikey create ci --scope books --scope reviews --expires 7d",
  "apikey list",
  "apikey revoke 4f7kQ2mZp0Ab",
  "apikey rotate 4f7kQ2mZp0Ab --overlap 1h",
  "token mint ada --ttl 5m",
  "token verify abc",
  "key list",
  "key rotate --now",
  "key revoke x9Q",
  "key jwks",
  "envoy status",
  "envoy config",
  "envoy config --name gateway",
  "config show",
  "config show --origin",
  "events --limit 2",
] as const;

test("answers for people", async (t) => {
  const node = await fixedNode(t);
  let text = "";
  for (const line of LINES) {
    text += `${transcript(line, await catalyst(`${line} --data-dir ${node.dataDir}`))}\n`;
  }
  golden(t, "screens.out.txt", text.replaceAll(node.dataDir, "DIR").replaceAll(testdata, "TESTDATA"));
});

test("answers for scripts are the admin contract's, unchanged", async (t) => {
  const node = await fixedNode(t);
  for (const line of LINES) {
    const { stdout } = await catalyst(`${line} --json --data-dir ${node.dataDir}`);
    const verb = VERBS.find(({ name }) => line === name || line.startsWith(`${name} `));
    assert.ok(verb?.admin !== undefined, line);
    const answer: unknown = JSON.parse(stdout);
    if (verb.name === "config show") continue; // as a user writes it, so not the decoded form
    const expected = verb.name === "key jwks" ? { keys: RESULTS["key.jwks"].keys } : RESULTS[verb.admin];
    assert.deepEqual(answer, expected, line);
  }
});

test("each verb asks the node what its table says, and little else", async (t) => {
  const node = await fixedNode(t);
  for (const line of LINES) {
    node.calls.length = 0;
    await catalyst(`${line} --data-dir ${node.dataDir}`);
    const verb = VERBS.find(({ name }) => line === name || line.startsWith(`${name} `));
    const asked = node.calls.map(([name]) => name);
    assert.ok(asked.includes(verb?.admin ?? "status"), `${line}: ${asked.join(", ")}`);
    assert.ok(asked.length <= 3, `${line}: ${asked.join(", ")}`);
  }
});

test("flags become arguments", async (t) => {
  const node = await fixedNode(t);
  const ask = async (line: string, verb: string): Promise<unknown> => {
    node.calls.length = 0;
    await catalyst(`${line} --data-dir ${node.dataDir}`);
    return node.calls.find(([name]) => name === verb)?.[1];
  };
  const add = "service add books http://a/graphql http://b/graphql";
  assert.deepEqual(
    await ask(`${add} --probe http --probe-path /up --call-timeout 3s --wait 0s`, "service.add"),
    {
      name: "books",
      endpoints: ["http://a/graphql", "http://b/graphql"],
      protocol: "http:graphql",
      probe: { kind: "http", path: "/up" },
      timeout: "3s",
    },
  );
  assert.deepEqual(await ask("service add x http://a --host h.example --wait 2s", "service.add"), {
    name: "x",
    endpoints: ["http://a"],
    protocol: "http",
    ingress: { host: "h.example" },
    waitMs: 2_000,
  });
  assert.deepEqual(await ask("token mint ada --scope a --scope b --ttl 90s --aud x", "token.mint"), {
    sub: "ada",
    scope: ["a", "b"],
    aud: "x",
    ttlSeconds: 90,
  });
  assert.deepEqual(await ask("apikey create ci --expires 1d", "apikey.create"), {
    principal: "ci",
    expiresInMs: 86_400_000,
  });
  assert.deepEqual(await ask("events --after 5 --limit 2", "events"), { after: 5, limit: 2 });
});

test("flags become rules in the form of the configuration", async (t) => {
  const node = await fixedNode(t);
  const ask = async (words: readonly string[], verb: string): Promise<unknown> => {
    node.calls.length = 0;
    const { code, stderr } = await catalyst([...words, "--data-dir", node.dataDir]);
    assert.equal(code, 0, stderr);
    return node.calls.find(([name]) => name === verb)?.[1];
  };
  const long =
    "import add accept *.globex.test --peer edge1.* --from globex.test --role lateral --protocol http --community a:b " +
    "--scope direct --origin hooli.test --set-preference 250 --set-cost 3 --set-scope organization --set-community a:x " +
    "--set-community -a:y --alias reviews --graph-prefix g --shared A --shared B --unsafe --before 7f";
  assert.deepEqual(await ask(long.split(" "), "import.add"), {
    rule: {
      peer: "edge1.*",
      match: {
        key: "*.globex.test",
        organization: "globex.test",
        role: "lateral",
        protocol: "http",
        community: "a:b",
        scope: "direct",
        origin: "hooli.test",
      },
      action: "accept",
      set: {
        localPreference: 250,
        cost: 3,
        scope: "organization",
        communities: ["a:x", "-a:y"],
        alias: "reviews",
      },
      graph: { prefix: "g", shared: ["A", "B"] },
      unsafe: true,
    },
    before: "7f",
  });
  assert.deepEqual(await ask(["import", "add", "accept", "--graph"], "import.add"), {
    rule: { action: "accept", graph: {} },
  });
  const whole = { to: "globex.test", action: "reject" };
  assert.deepEqual(await ask(["export", "add", JSON.stringify(whole), "--before", "1"], "export.add"), {
    rule: whole,
    before: "1",
  });
  const trust = join(temporary(t), "trust.pem");
  writeFileSync(trust, "PEM\n");
  const words = [
    "peer",
    "add",
    "edge1.globex.test",
    "--address",
    "h:1",
    "--trust",
    trust,
    "--on-loss",
    "keep",
  ];
  assert.deepEqual(await ask(words, "peer.add"), {
    node: "edge1.globex.test",
    address: "h:1",
    trust: "PEM\n",
    onLoss: "keep",
  });
  assert.deepEqual(await ask(["route", "list", "--in", "x", "--rejected", "--limit", "5"], "route.list"), {
    in: "x",
    rejected: true,
    limit: 6,
  });
  assert.deepEqual(await ask(["peer", "diff", join(testdata, "rules.json")], "peer.diff"), {
    imports: [{ peer: "*.globex.catalyst.internal", match: {}, action: "accept", unsafe: false }],
  });
});

test("wrong words about peers and rules are refused before the node is asked", async (t) => {
  const node = await fixedNode(t);
  for (const [line, pattern] of [
    ["import add perhaps", /accept or reject, or is JSON/],
    ['import add {"action":"accept"} *.x', /takes no further argument/],
    ['export add {"action":"accept"} --to x', /takes no further argument/],
    ["import add {nonsense", /it is no JSON/],
    ["export add accept --alias x", /unknown flag "--alias"/],
    ["peer add a.b --role boss", /--role must be one of internal, provider, customer, lateral/],
    ["peer add a.b --trust /nowhere.pem", /cannot read the trust in \/nowhere.pem/],
    ["route list --table foreign", /--table must be one of/],
    ["route list --out a --in b", /cannot be combined/],
    ["peer down", /PEER is missing/],
  ] as const) {
    node.calls.length = 0;
    const { code, stderr } = await catalyst(`${line} --data-dir ${node.dataDir}`);
    assert.deepEqual([code, node.calls.filter(([verb]) => verb !== "identity")], [64, []], line);
    assert.match(stderr, pattern, line);
  }
});

test("a table of many routes is one answer", async (t) => {
  const [route] = RESULTS["route.list"];
  assert.ok(route !== undefined);
  const node = await fixedNode(t, { "route.list": Array.from({ length: 40_000 }, () => route) });
  const { code, stdout } = await catalyst(`route list --limit 50000 --data-dir ${node.dataDir}`);
  assert.equal(code, 0);
  assert.match(stdout, /\n40000 routes\n$/);
});

test("what is cut off is said", async (t) => {
  const [route] = RESULTS["route.list"];
  assert.ok(route !== undefined);
  const node = await fixedNode(t, { "route.list": [route, route, route] });
  const { stdout, stderr } = await catalyst(`route list --limit 2 --data-dir ${node.dataDir}`);
  assert.match(stdout, /\n2 routes\n$/);
  assert.equal(stderr, "there are more than 2: --limit N shows more\n");
});

test("a node that authenticates nobody is marked on every screen", async (t) => {
  const identity = { ...RESULTS.identity, identity: "none" } as const;
  const status = { ...RESULTS.status, identity: "none" } as const;
  const node = await fixedNode(t, { identity, status });
  for (const line of LINES) {
    const { stdout, stderr } = await catalyst(`${line} --quiet --data-dir ${node.dataDir}`);
    assert.match(`${stdout}${stderr}`, /for connectivity tests only/, line);
  }
});

test("check ends with 79 only for what is fatal", async (t) => {
  const [good, warning, fatal] = RESULTS.check;
  assert.ok(good !== undefined && warning !== undefined && fatal !== undefined);
  const codeOf = async (check: typeof RESULTS.check): Promise<number> => {
    const node = await fixedNode(t, { check });
    return (await catalyst(`check --data-dir ${node.dataDir}`)).code;
  };
  assert.equal(await codeOf([good]), 0);
  assert.equal(await codeOf([good, warning]), 0);
  assert.equal(await codeOf([good, warning, fatal]), 79);
});

test("a token that is not valid ends verify with 1", async (t) => {
  const verified = { ok: false, code: "ERR_TOKEN_EXPIRED", reason: "expired 3 m ago" } as const;
  const node = await fixedNode(t, { "token.verify": verified });
  const { code, stdout } = await catalyst(`token verify abc --data-dir ${node.dataDir}`);
  assert.equal(code, 1);
  assert.match(stdout, /not valid: expired 3 m ago \[ERR_TOKEN_EXPIRED\]/);
});

test("secrets are shown where they were asked for, and nowhere else", async (t) => {
  const { key } = RESULTS["apikey.create"];
  const { token } = RESULTS["token.mint"];
  const leak = `${key} ${token}`;
  const node = await fixedNode(t, {
    events: [{ sequence: 1, at: 0, revision: 1, kind: "x", text: leak }],
    "config.show": { config: { leak }, origin: {} },
  });
  for (const line of ["events", "events --json", "config show"]) {
    const { stdout } = await catalyst(`${line} --data-dir ${node.dataDir}`);
    assert.match(stdout, /redacted/, line);
    assert.ok(!stdout.includes(key) && !stdout.includes(token), line);
  }
  assert.ok((await catalyst(`apikey create ci --data-dir ${node.dataDir}`)).stdout.includes(key));
  assert.equal((await catalyst(`token mint ada --data-dir ${node.dataDir}`)).stdout, `${token}\n`);
});

test("colour is on a terminal only, and says nothing that the words do not", () => {
  const terminal = styleFor({ isTTY: true, columns: 80 }, true);
  const coloured = statusText(RESULTS.status, RESULTS["service.list"], terminal, RESULTS.events);
  const plain = statusText(RESULTS.status, RESULTS["service.list"], PLAIN, RESULTS.events);
  assert.match(coloured, /\u001b\[/);
  assert.equal(coloured.replaceAll(/\u001b\[\d+m/g, ""), plain);
  assert.doesNotMatch(statusText(RESULTS.status, [], styleFor({ isTTY: true }, false)), /\u001b/);
  assert.doesNotMatch(statusText(RESULTS.status, [], styleFor({ isTTY: false }, true)), /\u001b/);
});

test("a screen is ASCII, and no name moves the cursor", async (t) => {
  const [first] = RESULTS["service.list"];
  assert.ok(first !== undefined);
  const node = await fixedNode(t, { "service.list": [{ ...first, name: "a\u001b[2Jb" }] });
  const { stdout } = await catalyst(`service list --data-dir ${node.dataDir}`);
  assert.match(stdout, /^[\x20-\x7e\n]*$/);
});

test("a watched screen fits the terminal: lines are cut, events and services give way to what is wrong", () => {
  const style = { ...styleFor({ isTTY: true, columns: 60 }, true), width: 60 };
  const { status, events } = RESULTS;
  const services = RESULTS["service.list"];
  const whole = statusText(status, services, PLAIN, events).split("\n");
  for (const rows of [whole.length, whole.length - 1, 20, 14]) {
    const lines = screenText(status, services, events, style, rows)
      .replaceAll(/\u001b\[\d+m/g, "")
      .split("\n");
    assert.ok(lines.length <= rows, `${lines.length} lines in ${rows}`);
    assert.ok(lines.every((line) => line.length <= 60));
    assert.ok(lines[0] !== undefined && whole[0]?.startsWith(lines[0]));
  }
  const problem = (status.problems[0]?.text ?? "").slice(0, 60);
  assert.ok(screenText(status, services, events, PLAIN, whole.length - 8).includes(problem));
  assert.equal(cut("\u001b[1mabcdef\u001b[22m", 3), "\u001b[1mabc\u001b[0m");
  assert.equal(cut("\u001b[1mabc\u001b[22m", 3), "\u001b[1mabc\u001b[22m");
});

test("a resource of Envoy that is not there is an error, a type without any is not", async (t) => {
  const cluster = { type: "cluster", resources: 1, acknowledged: 1, refused: [], nacks: 0 };
  const status = {
    ...RESULTS["envoy.status"],
    types: [cluster, { ...cluster, type: "scope", resources: 0 }],
  };
  const node = await fixedNode(t, { "envoy.config": [], "envoy.status": status });
  const ask = (flags: string) => catalyst(`envoy config ${flags} --data-dir ${node.dataDir}`);
  const named = await ask("--name nope");
  assert.equal(named.code, 1);
  assert.match(named.stderr, /no resource named "nope" \[ERR_NOT_FOUND\]/);
  assert.match(named.stderr, /catalyst envoy config/);
  assert.match((await ask("--type cluster --name nope")).stderr, /no cluster named "nope"/);
  const typed = await ask("--type clusters");
  assert.deepEqual([typed.code, typed.stdout], [65, ""]);
  assert.match(typed.stderr, /"clusters" is no type: cluster, scope.*\n.*--type cluster\n/);
  assert.deepEqual(await ask("--type scope --json"), { code: 0, stdout: "[]\n", stderr: "" });
});
