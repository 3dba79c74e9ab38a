// Who may declare, change and remove a service, and what stands in whose way.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { full, inFile, intent, nodeLoop } from "../../../test/kit/node-loop.ts";

const A = "http://127.0.0.1:5001";
const B = "http://127.0.0.1:5002";

describe("service.add", () => {
  test("makes the name full and the service known", () => {
    const { step, service } = nodeLoop();
    step({ kind: "service.add", intent: intent("files", { endpoints: [B, A, A], labels: { team: "x" } }) });
    const added = service("files");
    assert.equal(added?.name, full("files"));
    assert.deepEqual(
      added.endpoints.map(({ url, health }) => [url, health]),
      [
        [A, "unknown"],
        [B, "unknown"],
      ],
    );
    assert.equal(added.health, "unknown");
    assert.equal(added.revision, 1);
  });

  test("the same name again from the same owner is one more endpoint", () => {
    const { step, service, loop } = nodeLoop();
    step({ kind: "service.add", intent: intent("files") });
    step({ kind: "service.add", intent: intent("files", { endpoints: [B], timeoutMs: 7 }) });
    assert.deepEqual(
      service("files")?.endpoints.map(({ url }) => url),
      [A, B],
    );
    assert.equal(service("files")?.timeoutMs, 7);
    step({ kind: "service.add", intent: intent("files", { endpoints: [A], timeoutMs: 7 }) });
    assert.equal(loop.revision, 2, "nothing new, no revision");
  });

  test("what the file owns is refused with its line", () => {
    const { step, refusal } = nodeLoop();
    step({ kind: "config.services", services: [intent("files", { owner: inFile(12) })] });
    assert.deepEqual(refusal({ kind: "service.add", intent: intent("files") }), {
      code: "ERR_OWNED_BY_CONFIG",
      subject: full("files"),
      text: `service "${full("files")}" is owned by the configuration (catalyst.json line 12)`,
      hint: "change line 12 of catalyst.json",
    });
    const removal = refusal({ kind: "service.remove", name: "files", owner: "admin" });
    assert.equal(removal?.code, "ERR_OWNED_BY_CONFIG");
  });

  test("another owner's name, another protocol, a taken prefix or host are refused", () => {
    const { step, refusal } = nodeLoop();
    const ingress = { prefix: "/files", host: "files.example" };
    step({ kind: "service.add", intent: intent("files", { ingress }) });
    const conflict = (name: string, rest: object, text: RegExp) => {
      const refused = refusal({ kind: "service.add", intent: intent(name, rest) });
      assert.equal(refused?.code, "ERR_SERVICE_CONFLICT");
      assert.match(refused.text, text);
    };
    conflict("files", { owner: { kind: "plugin", plugin: "wg" } }, /is owned by the admin API/);
    conflict("files", { protocol: "http:graphql" }, /speaks http, not http:graphql/);
    conflict("other", { ingress: { prefix: "/files" } }, /prefix \/files belongs to "files\./);
    conflict("other", { ingress: { host: "files.example" } }, /host files.example belongs to "files\./);
    conflict("other", { ingress: { host: full("files") } }, /host files.acme.catalyst.internal belongs/);
  });

  test("two adds in one commit are judged one after the other", () => {
    const { step } = nodeLoop();
    const { outcomes, commit } = step(
      { kind: "service.add", intent: intent("a", { ingress: { prefix: "/x" } }) },
      { kind: "service.add", intent: intent("b", { ingress: { prefix: "/x" } }) },
    );
    assert.equal(outcomes[0]?.outcome.refused?.code, "ERR_SERVICE_CONFLICT");
    assert.deepEqual([...(commit?.changes.services.keys() ?? [])], [full("a")]);
  });

  for (const [what, name, rest] of [
    ["a foreign name", "reviews.globex.catalyst.internal", {}],
    ["no name", "no_name", {}],
    ["no endpoint", "a", { endpoints: [] }],
    ["too many endpoints", "a", { endpoints: Array.from({ length: 65 }, (_, i) => `http://h:${i}`) }],
    ["a URL with a user", "a", { endpoints: ["http://me:secret@h"] }],
    ["a file", "a", { endpoints: ["file:///etc/passwd"] }],
    ["two paths of one http service", "a", { endpoints: ["http://h/a", "http://h/b"] }],
    ["an ingress place for GraphQL", "a", { protocol: "http:graphql", ingress: { prefix: "/a" } }],
    ["the root as prefix", "a", { ingress: { prefix: "/" } }],
    ["the node's own path", "a", { ingress: { prefix: "/graphql" } }],
    ["something below it", "a", { ingress: { prefix: "/auth/token" } }],
  ] as const) {
    test(`refuses ${what}`, () => {
      const { refusal, loop } = nodeLoop();
      const refused = refusal({ kind: "service.add", intent: intent(name, rest) });
      assert.equal(refused?.code, "ERR_INVALID_ARGUMENT");
      assert.equal(loop.revision, 0);
    });
  }
});

describe("service.remove", () => {
  test("takes the owner's service away, by short or full name", () => {
    const { step, service, refusal } = nodeLoop();
    step({ kind: "service.add", intent: intent("a") }, { kind: "service.add", intent: intent("b") });
    step({ kind: "service.remove", name: "a", owner: "admin" });
    step({ kind: "service.remove", name: full("b"), owner: "admin" });
    assert.equal(service("a") ?? service("b"), undefined);
    assert.equal(refusal({ kind: "service.remove", name: "a", owner: "admin" })?.code, "ERR_NOT_FOUND");
  });

  test("is refused to others", () => {
    const { step, refusal } = nodeLoop();
    step({ kind: "lease.register", lease: "l", notAfter: 9_000, intent: intent("a") });
    assert.equal(
      refusal({ kind: "service.remove", name: "a", owner: "admin" })?.code,
      "ERR_SERVICE_CONFLICT",
    );
  });
});

describe("config.services", () => {
  const file = (name: string, line: number, rest = {}) => intent(name, { owner: inFile(line), ...rest });

  test("is the whole list: what is missing goes, what is equal stays untouched, health is kept", () => {
    const { step, service, up } = nodeLoop();
    step({ kind: "config.services", services: [file("a", 1), file("b", 2), file("c", 3)] });
    up("a");
    up("b");
    const untouched = service("a");
    step({ kind: "config.services", services: [file("a", 1), file("b", 2, { timeoutMs: 1 })] });
    assert.equal(service("a"), untouched);
    assert.deepEqual([service("b")?.timeoutMs, service("b")?.health], [1, "up"]);
    assert.equal(service("c"), undefined);
  });

  test("two services may swap their prefixes", () => {
    const { step, loop } = nodeLoop();
    const [x, y] = [{ ingress: { prefix: "/x" } }, { ingress: { prefix: "/y" } }];
    step({ kind: "config.services", services: [file("a", 1, x), file("b", 2, y)] });
    const { outcomes } = step({ kind: "config.services", services: [file("a", 1, y), file("b", 2, x)] });
    assert.deepEqual(outcomes, []);
    assert.equal(loop.view.ingressOwner("prefix", "/x"), full("b"));
    assert.equal(loop.view.ingressOwner("prefix", "/y"), full("a"));
  });

  test("takes over names and places from other owners, and says so", () => {
    const { step, service, wants } = nodeLoop();
    step({ kind: "service.add", intent: intent("a") });
    step({ kind: "service.add", intent: intent("b", { ingress: { prefix: "/x" } }) });
    assert.deepEqual(Object.keys(wants("persist")), [full("a"), full("b")]);
    const services = [file("a", 1), file("c", 2, { ingress: { prefix: "/x" } })];
    const problems = step({ kind: "config.services", services }).outcomes[0]?.outcome.problems;
    assert.deepEqual(
      problems?.map(({ code, subject }) => [code, subject]),
      [
        ["ERR_SERVICE_CONFLICT", full("b")],
        ["ERR_OWNED_BY_CONFIG", full("a")],
      ],
    );
    assert.equal(service("a")?.owner.kind, "config");
    assert.equal(service("b"), undefined);
    assert.deepEqual(wants("persist"), {});
  });

  test("reports what cannot stand together and takes the rest", () => {
    const { step, loop } = nodeLoop();
    const services = [
      file("a", 1, { ingress: { host: full("b") } }),
      file("b", 2),
      file("b", 3, { timeoutMs: 1 }),
      file("c", 4, { ingress: { prefix: "/x" } }),
      file("d", 5, { ingress: { prefix: "/x" } }),
      file("reviews.globex.example", 6),
    ];
    const problems = step({ kind: "config.services", services }).outcomes[0]?.outcome.problems;
    const subjects = problems?.map(({ subject }) => subject?.split(".")[0]).sort();
    assert.deepEqual(subjects, ["a", "b", "d", "reviews"]);
    assert.deepEqual(
      [...loop.view.services.values()].map(({ name }) => name),
      [full("b"), full("c")],
    );
  });
});

test("store.services brings back what the admin API had added, beside what the file has", () => {
  const { step, service } = nodeLoop();
  step({ kind: "config.services", services: [intent("a", { owner: inFile(1) })] });
  const services = ["a", "b", "c"].map((name) =>
    intent(name, { ingress: { prefix: name === "a" ? "/a" : "/b" } }),
  );
  const problems = step({ kind: "store.services", services }).outcomes[0]?.outcome.problems;
  assert.deepEqual(
    problems?.map(({ code, subject }) => [code, subject]),
    [
      ["ERR_OWNED_BY_CONFIG", "a"],
      ["ERR_SERVICE_CONFLICT", "c"],
    ],
  );
  assert.equal(service("b")?.owner.kind, "admin");
});
