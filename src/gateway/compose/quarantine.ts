// One bad schema must not stop the rest. Each SDL is checked alone; when the sum fails, the newest of the services that an
// error names is left out and the rest tried again; when errors name nobody, halves are admitted one after the other. Services
// come in the order local, internal, external, oldest first, so whoever came first stays. Invariant: what is returned composes.

import type { Quarantined } from "#rpc";
import type { Border } from "../plan/border.ts";
import type { Composer, ComposeFault, Composition, Subgraph } from "./composer.ts";
import { admitForeign, isForeign, type ForeignSdl, type ForeignSubgraph } from "./foreign/admit.ts";
import type { SubgraphSdl } from "./message.ts";
import { type Checked, checkSdl } from "./sdl.ts";

export interface Admitted {
  readonly composition: Extract<Composition, { ok: true }> | undefined;
  readonly services: readonly string[];
  readonly quarantined: readonly Quarantined[];
  /** Of services of other organizations, by index into `services`. */
  readonly borders: Readonly<Record<number, Border>>;
}

/** `check` may know a schema from before. */
export function admit(
  services: readonly SubgraphSdl[],
  compose: Composer,
  check: (service: SubgraphSdl) => Checked = checkSdl,
): Admitted {
  const quarantined: Quarantined[] = [];
  const sound: Subgraph[] = [];
  for (const service of services) {
    if (isForeign(service)) continue;
    const checked = check(service);
    if (checked.ok) sound.push({ name: service.name, document: checked.document });
    else quarantined.push({ service: service.name, code: checked.code, text: checked.text });
  }
  const foreign = services.filter(isForeign);
  const { kept, composition } =
    foreign.length === 0
      ? dropNamed(sound, compose, quarantined)
      : admitBeside(sound, foreign, compose, quarantined);
  const borders = Object.fromEntries(
    kept.flatMap((one, index) => ("border" in one ? [[index, one.border]] : [])),
  );
  return { composition, services: kept.map(({ name }) => name), quarantined, borders };
}

/** Our own services stand whatever others bring: where the sum fails, ours are settled alone and theirs are tried beside them. */
function admitBeside(
  own: readonly Subgraph[],
  foreign: readonly ForeignSdl[],
  compose: Composer,
  quarantined: Quarantined[],
): Kept {
  const beside = admitForeign(foreign, own);
  const all = [...own, ...beside.subgraphs];
  const composition = all.length === 0 ? undefined : tryCompose(all, compose);
  if (composition?.ok !== false) {
    quarantined.push(...beside.quarantined);
    return { kept: all, composition };
  }
  const base = dropNamed(own, compose, quarantined);
  // Shared types are measured against what is left of ours.
  const again = base.kept.length === own.length ? beside : admitForeign(foreign, base.kept);
  quarantined.push(...again.quarantined);
  return admitHalves(again.subgraphs, compose, quarantined, base);
}

interface Kept {
  readonly kept: readonly (Subgraph | ForeignSubgraph)[];
  readonly composition: Extract<Composition, { ok: true }> | undefined;
}

function dropNamed(all: readonly Subgraph[], compose: Composer, quarantined: Quarantined[]): Kept {
  let kept = all;
  while (kept.length > 0) {
    const composition = tryCompose(kept, compose);
    if (composition.ok) return { kept, composition };
    const order = new Map(kept.map(({ name }, index) => [name, index]));
    const drop = new Map<string, string>();
    for (const fault of composition.faults) {
      const newest = fault.services.toSorted((a, b) => (order.get(b) ?? 0) - (order.get(a) ?? 0))[0];
      // Several errors of one conflict name the same service; their texts are shown once each.
      if (newest !== undefined) drop.set(newest, joinTexts(drop.get(newest), describe(fault)));
    }
    if (drop.size === 0) return admitHalves(kept, compose, quarantined);
    // Only the newest goes at once: an older one may be fine without it.
    const victim = [...drop.keys()].toSorted((a, b) => (order.get(b) ?? 0) - (order.get(a) ?? 0))[0];
    quarantined.push({
      service: victim ?? "",
      code: "ERR_SCHEMA_CONFLICT",
      text: drop.get(victim ?? "") ?? "",
    });
    kept = kept.filter(({ name }) => name !== victim);
  }
  return { kept, composition: undefined };
}

/** Admits in order, by halves: n services with k bad ones take about k log n compositions. */
function admitHalves(
  all: readonly Subgraph[],
  compose: Composer,
  quarantined: Quarantined[],
  base: Kept = { kept: [], composition: undefined },
): Kept {
  let state = base;
  const add = (group: readonly Subgraph[]): void => {
    const kept = [...state.kept, ...group];
    const composition = tryCompose(kept, compose);
    if (composition.ok) state = { kept, composition };
    else if (group.length > 1) {
      const middle = group.length >> 1;
      add(group.slice(0, middle));
      add(group.slice(middle));
    } else {
      const text = composition.faults.map(describe).join("; ").slice(0, 1_000);
      quarantined.push({ service: group[0]?.name ?? "", code: "ERR_SCHEMA_CONFLICT", text });
    }
  };
  if (all.length > 0) add(all);
  return state;
}

/** A composer that throws on an input it did not expect is a composer that refuses. */
function tryCompose(subgraphs: readonly Subgraph[], compose: Composer): Composition {
  try {
    return compose(subgraphs);
  } catch (error) {
    const text = error instanceof Error ? error.message : "composition failed";
    return { ok: false, faults: [{ code: "UNKNOWN", text, services: [] }] };
  }
}

const describe = (fault: ComposeFault): string => `${fault.code}: ${fault.text}`;

const joinTexts = (before: string | undefined, text: string): string =>
  before === undefined ? text : `${before}; ${text}`.slice(0, 1_000);
