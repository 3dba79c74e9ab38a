// Hysteresis, and what is probed.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Endpoint } from "#routing";
import { full, intent, nodeLoop, PROBE, probed } from "../../../test/kit/node-loop.ts";
import { judge } from "./health.ts";

const A = "http://127.0.0.1:5001";
const B = "http://127.0.0.1:5002";
const probe = { ...PROBE, up: 2, down: 3 };

describe("judge", () => {
  /** One letter an answer: g good, b bad; the health after each. */
  const after = (from: Endpoint["health"], answers: string) => {
    let endpoint: Endpoint = { url: A, health: from, streak: 0 };
    return [...answers].map((answer) => {
      endpoint = judge(endpoint, { ok: answer === "g" }, probe);
      return endpoint.health;
    });
  };

  for (const [from, answers, expected] of [
    ["unknown", "gg", ["unknown", "up"]],
    ["unknown", "b", ["down"]],
    ["unknown", "gbg", ["unknown", "down", "down"]],
    ["up", "bbb", ["up", "up", "down"]],
    ["up", "bbgbb", ["up", "up", "up", "up", "up"]],
    ["down", "gbgg", ["down", "down", "down", "up"]],
  ] as const) {
    test(`${from}, then ${answers}`, () => assert.deepEqual(after(from, answers), expected));
  }

  test("an answer that changes nothing gives the same object", () => {
    const up: Endpoint = { url: A, health: "up", streak: 0 };
    const down: Endpoint = { url: A, health: "down", streak: 0, reason: "refused" };
    assert.equal(judge(up, { ok: true }, probe), up);
    assert.equal(judge(down, { ok: false, reason: "refused" }, probe), down);
    assert.equal(judge(down, { ok: false, reason: "timeout" }, probe).reason, "timeout");
    assert.equal("reason" in judge(down, { ok: true }, { ...probe, up: 1 }), false);
  });
});

describe("the health of a service", () => {
  test("is up while one endpoint is; steady probing costs no revision", () => {
    const { step, service, loop } = nodeLoop();
    step({ kind: "service.add", intent: intent("a", { endpoints: [A, B], probe: { ...PROBE, down: 1 } }) });
    step(probed("a", A, true), probed("a", B, false, "refused"));
    assert.equal(service("a")?.health, "up");
    const { revision } = loop;
    step(
      probed("a", A, true),
      probed("a", B, false, "refused"),
      probed("gone", A, true),
      probed("a", "x", true),
    );
    assert.equal(loop.revision, revision);
    step(probed("a", A, false, "timeout"));
    assert.equal(service("a")?.health, "down");
    assert.deepEqual(
      service("a")?.endpoints.map(({ reason }) => reason),
      ["timeout", "refused"],
    );
  });

  test("without probe is up from the start, and late answers do not count", () => {
    const { step, service, wants } = nodeLoop();
    step({ kind: "service.add", intent: intent("a", { probe: { ...PROBE, kind: "none" } }) });
    step(probed("a", A, false), probed("a", A, false), probed("a", A, false));
    assert.equal(service("a")?.health, "up");
    assert.deepEqual(wants("probe"), {});
  });
});

test("each endpoint is probed as declared, until it goes", () => {
  const { step, wants, loop } = nodeLoop();
  step({ kind: "service.add", intent: intent("a", { probe: { ...PROBE, kind: "http", path: "/up" } }) });
  const common = { service: full("a"), kind: "http", path: "/up", timeoutMs: 1_000 };
  assert.deepEqual(wants("probe"), { [`${full("a")} ${A}`]: { ...common, url: A, intervalMs: 2_000 } });
  const slower = { ...PROBE, kind: "http", path: "/up", intervalMs: 9_000 } as const;
  step({ kind: "service.add", intent: intent("a", { endpoints: [B], probe: slower }) });
  assert.deepEqual(wants("probe"), {
    [`${full("a")} ${A}`]: { ...common, url: A, intervalMs: 9_000 },
    [`${full("a")} ${B}`]: { ...common, url: B, intervalMs: 9_000 },
  });
  step({ kind: "service.remove", name: "a", owner: "admin" });
  assert.deepEqual([...loop.effects.desired()], []);
});
