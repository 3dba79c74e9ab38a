// The simulation as a test: many small networks must end as the oracle says, and each defect must be found, or the harness proves
// nothing. 200 seeds here, a few CPU-seconds, so that they fit beside the other tests; CI runs 2,000 (`.ci/run`), long runs more,
// by `npm run sim -- --seeds N`.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Bug, BUGS } from "./bugs.ts";
import { main } from "./main.ts";
import { mesh, random, ring } from "../kit/process-network.ts";
import { type Fault, type Scenario, scenario } from "./scenario.ts";
import { shrink } from "./shrink.ts";
import { simulate } from "./world.ts";

const SEEDS = 200;

test(`${SEEDS} networks come to rest where the oracle says`, () => {
  const lines: string[] = [];
  const code = main(["--seeds", String(SEEDS), "--seed", "1"], (line) => lines.push(line));
  assert.equal(code, 0, lines.join("\n"));
});

test("a seed is a run: the same again is the same", () => {
  assert.deepEqual(simulate(scenario(7)), simulate(scenario(7)));
});

test("larger networks with more faults", () => {
  for (let seed = 1; seed <= 15; seed++) {
    const outcome = simulate(scenario(seed, { nodes: 12, services: 30, faults: 40 }));
    assert.deepEqual(outcome.problems, [], `seed ${seed}`);
  }
});

describe("a defect is found", () => {
  /** Comparisons heal what loss without a sequence check tears; that is what they are for. */
  const healed: Bug = "no-sequence";

  for (const bug of BUGS.filter((one) => one !== healed)) {
    test(bug, () => {
      for (let seed = 1; seed <= 150; seed++) {
        if (simulate(scenario(seed), bug).problems.length > 0) return;
      }
      assert.fail("no seed of 150 fails");
    });
  }

  test(`${healed} is healed by comparisons`, () => {
    let repairs = 0;
    for (let seed = 1; seed <= 100; seed++) {
      const outcome = simulate(scenario(seed), healed);
      assert.deepEqual(outcome.problems, [], `seed ${seed}`);
      repairs += outcome.repairs;
    }
    assert.ok(repairs > 0);
  });

  test("and made small", () => {
    const seed = Array.from({ length: 150 }, (_, at) => at + 1).find(
      (one) => simulate(scenario(one), "rules-not-rerun").problems.length > 0,
    );
    assert.ok(seed !== undefined);
    const { scenario: small, outcome } = shrink(scenario(seed), "rules-not-rerun");
    assert.ok(outcome.problems.length > 0);
    assert.deepEqual(
      small.faults.map(({ kind }) => kind),
      ["rules"],
    );
  });
});

describe("by name", () => {
  const quiet: Omit<Scenario, "nodes" | "links" | "services"> = {
    seed: 1,
    onLoss: "depreference",
    faults: [],
    lossy: false,
    forMs: 5_000,
  };
  const link = (a: string, b: string, role: "internal" | "lateral" | "customer") =>
    ({ a, b, role, delayMs: 20, dials: "both" }) as const;

  test("two borders of one organization rest, each at its own", () => {
    const nodes = ["n0.acme.test", "n1.globex.test", "n2.globex.test"];
    const outcome = simulate({
      ...quiet,
      nodes,
      links: [
        link("n0.acme.test", "n1.globex.test", "customer"),
        link("n0.acme.test", "n2.globex.test", "customer"),
        link("n1.globex.test", "n2.globex.test", "internal"),
      ],
      services: [{ node: "n0.acme.test", key: "s0.acme.test", scope: "transitive" }],
    });
    assert.deepEqual(outcome.problems, []);
    assert.ok(outcome.messages < 2_000, `${outcome.messages} messages`);
  });

  test("restart-with-dead-remote: a node that lost its disk between two others takes nothing from them", () => {
    const nodes = ["n0.acme.test", "n1.acme.test", "n2.acme.test"];
    const [first, between, last] = nodes as [string, string, string];
    for (let seed = 1; seed <= 20; seed++) {
      const outcome = simulate({
        ...quiet,
        seed,
        nodes,
        links: [
          // Only the far end dials, after its own pause: the near one is there first.
          { ...link(first, between, "internal"), dials: "a" },
          link(between, last, "internal"),
        ],
        services: [{ node: first, key: "s0.acme.test", scope: "transitive" }],
        faults: [{ at: 3_000, kind: "crash", node: between, silent: false, forMs: 500, disk: "none" }],
        keeps: [{ node: last, key: "s0.acme.test" }],
        forMs: 30_000,
      });
      assert.deepEqual(outcome.problems, [], `seed ${seed}`);
    }
  });

  test("a node that stops is left before it goes: those behind it have a way at every moment", () => {
    const nodes = ["n0.acme.test", "n1.globex.test", "n2.initech.test", "n3.globex.test", "n4.globex.test"];
    const [origin, first, second, behind, far] = nodes as [string, string, string, string, string];
    for (let seed = 1; seed <= 20; seed++) {
      const outcome = simulate({
        ...quiet,
        seed,
        nodes,
        links: [
          link(origin, first, "customer"),
          link(origin, second, "customer"),
          link(first, behind, "internal"),
          link(second, behind, "customer"),
          link(behind, far, "internal"),
        ],
        services: [{ node: origin, key: "s0.acme.test", scope: "transitive" }],
        faults: [{ at: 5_000, kind: "stop", node: first, forMs: 5_000 }],
        reaches: [behind, far].map((node) => ({ node, key: "s0.acme.test" })),
        forMs: 30_000,
      });
      assert.deepEqual(outcome.problems, [], `seed ${seed}`);
    }
  });

  test("a lateral peer is not given what another lateral peer told", () => {
    const nodes = ["n0.acme.test", "n1.globex.test", "n2.initech.test"];
    const outcome = simulate({
      ...quiet,
      nodes,
      links: [
        link("n0.acme.test", "n1.globex.test", "lateral"),
        link("n1.globex.test", "n2.initech.test", "lateral"),
      ],
      services: [{ node: "n0.acme.test", key: "s0.acme.test", scope: "transitive" }],
    });
    assert.deepEqual(outcome.problems, []);
  });

  for (const [shape, pairs] of [
    ["ring", ring(8)],
    ["clique", mesh(8)],
    ["random network", random(8, 1)],
  ] as const) {
    test(`writers at every node of a ${shape}: at most two messages a link and change`, () => {
      const nodes = Array.from({ length: 8 }, (_, at) => `n${at}.acme.test`);
      const links = pairs.map(([a, b]) => link(nodes[a] ?? "", nodes[b] ?? "", "internal"));
      const services = nodes.map((node, at) => ({
        node,
        key: `s${at}.acme.test`,
        scope: "transitive" as const,
      }));
      const faults = nodes.flatMap((_, service) =>
        Array.from({ length: 10 }, (_, turn): Fault => {
          const at = 2_000 + 500 * turn + 31 * service;
          return { at, service, kind: turn % 2 === 0 ? "service.end" : "service.new" };
        }),
      );
      const some = { ...quiet, nodes, links, services, forMs: 10_000 };
      const [still, busy] = [simulate(some), simulate({ ...some, faults })];
      assert.deepEqual([...still.problems, ...busy.problems], []);
      const perChange = (busy.told - still.told) / faults.length;
      assert.ok(perChange <= 2 * links.length, `${perChange} messages a change`);
    });
  }

  test("a clique of eight forgets a name with few words", () => {
    const nodes = Array.from({ length: 8 }, (_, at) => `n${at}.acme.test`);
    const links = nodes.flatMap((a, at) => nodes.slice(at + 1).map((b) => link(a, b, "internal")));
    const services = [{ node: "n0.acme.test", key: "s0.acme.test", scope: "transitive" }] as const;
    const still = simulate({ ...quiet, nodes, links, services });
    const ended = simulate({
      ...quiet,
      nodes,
      links,
      services,
      faults: [{ at: 3_000, kind: "service.end", service: 0 }],
    });
    assert.deepEqual([...still.problems, ...ended.problems], []);
    assert.ok(ended.frames - still.frames <= 60, `${ended.frames - still.frames} frames`);
  });
});

test("the command names the seed that fails and makes it small", () => {
  const lines: string[] = [];
  assert.equal(
    main(["--seeds", "100", "--bug", "scope-leak"], (line) => lines.push(line)),
    1,
  );
  assert.match(lines[0] ?? "", /^SEED=\d+ fails$/);
  assert.equal(
    main(["--bug", "none"], (line) => lines.push(line)),
    2,
  );
});
