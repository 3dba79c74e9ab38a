// The network at rest against the oracle: sessions up and compared, nothing stale, every node's choice as it must be.

import { type Choices, expected, type Held, type Picture, type Side, solve, text } from "./oracle.ts";
import { orgOf } from "./scenario.ts";
import type { World } from "./world.ts";

export function restProblems(world: World): { problems: string[]; unique: boolean } {
  const problems = sessionProblems(world);
  const picture = pictureOf(world);
  const choices = choicesOf(world);
  const differs = (node: string, want: ReadonlyMap<string, Held> | undefined, by: string) => {
    const wanted = text(want ?? new Map());
    const has = text(choices.get(node) ?? new Map());
    if (wanted !== has) problems.push(`${node} differs from ${by}:\n${difference(has, wanted)}`);
  };
  for (const node of picture.nodes) differs(node, expected(node, choices, picture), "its neighbours");
  const solution = solve(picture);
  if (solution !== undefined) {
    for (const node of picture.nodes) differs(node, solution.get(node), "the oracle");
  }
  return { problems, unique: solution !== undefined };
}

function sessionProblems({ scenario, nodes, down, bug }: World): string[] {
  const problems: string[] = [];
  for (const [at, link] of scenario.links.entries()) {
    for (const [self, peer] of [
      [link.a, link.b],
      [link.b, link.a],
    ] as const) {
      const node = nodes.get(self);
      const report = node?.speaker.report(peer);
      const phase = report?.session.phase;
      if (report === undefined || phase === undefined) problems.push(`${self} does not know ${peer}`);
      else if (down.has(at)) {
        if (phase.state === "established") problems.push(`${self} has a session with ${peer}, which is down`);
        if (report.routes > 0) problems.push(`${self} holds routes of ${peer}, which is down`);
      } else if (phase.state !== "established" || phase.syncedAt === undefined) {
        problems.push(`${self} is ${phase.state} with ${peer}: ${report.session.last?.text ?? ""}`);
      } else if (report.stale !== "no" || report.inFlight > 0 || report.behind > 0) {
        problems.push(
          `${self} with ${peer}: ${report.stale}, ${report.inFlight} in flight, ${report.behind} behind`,
        );
      } else if (bug !== "no-sequence-no-digest" && (report.lastSameAt ?? 0) < phase.syncedAt) {
        problems.push(`${self} never found itself equal with ${peer}`);
      }
      for (const path of node?.tables.table.received(peer)?.paths() ?? []) {
        if (path.stale) problems.push(`${self} still has ${path.key} of ${peer} as stale`);
      }
    }
  }
  return problems;
}

function pictureOf(world: World): Picture {
  const { scenario, down, denied } = world;
  const sides = scenario.links.flatMap(({ a, b, role }, at): Side[] => {
    if (down.has(at)) return [];
    const back = role === "customer" ? "provider" : role === "provider" ? "customer" : role;
    return [
      { node: a, peer: b, role },
      { node: b, peer: a, role: back },
    ];
  });
  return {
    nodes: scenario.nodes,
    organization: orgOf,
    sides,
    own: (node) =>
      world.own(node).map(({ key, version, health, scope, nodePath, orgPath }) => ({
        key,
        epoch: version.epoch,
        seq: version.seq,
        health,
        scope: scope === "node" ? "organization" : scope,
        nodes: nodePath,
        orgs: orgPath,
        mark: undefined,
        preference: undefined,
      })),
    takes: (node, key) => denied.imports.get(node)?.has(key) !== true,
    gives: (node, key) => denied.exports.get(node)?.has(key) !== true,
  };
}

/** What the nodes really chose, in the oracle's words. */
function choicesOf({ nodes }: World): Choices {
  const choices = new Map<string, Map<string, Held>>();
  for (const [name, node] of nodes) {
    const held = new Map<string, Held>();
    const { table } = node.tables;
    for (const key of table.keys()) {
      const best = table.best(key)?.[0];
      if (best === undefined) continue;
      held.set(key, {
        key,
        epoch: best.version.epoch,
        seq: best.version.seq,
        health: best.health,
        scope: best.scope === "node" ? "organization" : best.scope,
        nodes: best.course.nodePath,
        orgs: best.course.orgPath,
        mark: best.onlyToCustomer,
        preference: best.course.localPreference,
        from: best.peerName,
        rank: best.localPreference,
        inside: best.internal,
      });
    }
    choices.set(name, held);
  }
  return choices;
}

function difference(has: string, wanted: string): string {
  const [a, b] = [has.split("\n"), wanted.split("\n")];
  const only = (one: string[], other: string[], sign: string) =>
    one.filter((line) => line !== "" && !other.includes(line)).map((line) => `  ${sign} ${line}`);
  return [...only(a, b, "has  "), ...only(b, a, "wants")].join("\n");
}
