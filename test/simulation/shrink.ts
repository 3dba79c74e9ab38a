// Makes a failing run small: takes faults, links and services away as long as it still fails, halves first, then one by one. Every try
// is a whole run, so it takes a few seconds; what is left names the fault.

import type { Bug } from "./bugs.ts";
import type { Scenario } from "./scenario.ts";
import { type Outcome, simulate } from "./world.ts";

const TRIES_MAX = 400;

export interface Shrunk {
  readonly scenario: Scenario;
  readonly outcome: Outcome;
  readonly tries: number;
}

export function shrink(scenario: Scenario, bug?: Bug): Shrunk {
  let best = scenario;
  let outcome = simulate(scenario, bug);
  let tries = 0;
  const fails = (next: Scenario): boolean => {
    if (tries >= TRIES_MAX) return false;
    tries += 1;
    const tried = simulate(next, bug);
    if (tried.problems.length === 0) return false;
    best = next;
    outcome = tried;
    return true;
  };
  let before: Scenario | undefined;
  while (before !== best && tries < TRIES_MAX) {
    before = best;
    fewer(best.faults, (faults) => fails({ ...best, faults }));
    // The place of a link or service is its name in the faults, so only the last ones may go.
    fewerServices(best, fails);
    if (best.lossy) fails({ ...best, lossy: false });
  }
  return { scenario: best, outcome, tries };
}

/** Tries to leave out ever smaller pieces of a list. */
function fewer<T>(all: readonly T[], stillFails: (left: readonly T[]) => boolean): void {
  let left = all;
  for (let size = Math.max(1, left.length >> 1); ; size >>= 1) {
    for (let at = 0; at < left.length;) {
      const next = left.filter((_, index) => index < at || index >= at + size);
      if (next.length < left.length && stillFails(next)) left = next;
      else at += size;
    }
    if (size <= 1) return;
  }
}

function fewerServices(scenario: Scenario, stillFails: (next: Scenario) => boolean): void {
  let { services } = scenario;
  const { faults } = scenario;
  while (services.length > 1) {
    const last = services.length - 1;
    if (faults.some((fault) => "service" in fault && fault.service === last)) return;
    services = services.slice(0, last);
    if (!stillFails({ ...scenario, services })) return;
  }
}
