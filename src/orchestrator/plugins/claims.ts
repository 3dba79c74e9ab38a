// Whose a name, an ingress prefix and a host is, asked before something is declared: against the state, and
// against what the same event already declared (several services in one list). The file owns what it names:
// its line is in the answer, so that the user knows what to change.

import { LIMITS, type Refusal } from "#kernel";
import { type Owner, type ServiceIntent, type StateView } from "#routing";
import { refusal } from "./intent.ts";

export function sameOwner(a: Owner, b: Owner): boolean {
  return a.kind === b.kind && (a.kind !== "plugin" || b.kind !== "plugin" || a.plugin === b.plugin);
}

/** For people: "the configuration (catalyst.json line 12)". */
export function describeOwner(owner: Owner): string {
  switch (owner.kind) {
    case "config":
      return `the configuration (${owner.file} line ${owner.line})`;
    case "admin":
      return "the admin API";
    case "sdk":
      return "a service that registered itself";
    case "plugin":
      return `the plugin "${owner.plugin}"`;
  }
}

/** Why somebody who is not the owner may not change it. */
export function ownedByOther(name: string, owner: Owner): Refusal {
  const text = `service "${name}" is owned by ${describeOwner(owner)}`;
  if (owner.kind === "config") {
    return refusal("ERR_OWNED_BY_CONFIG", name, text, `change line ${owner.line} of ${owner.file}`);
  }
  return refusal("ERR_SERVICE_CONFLICT", name, text, "choose another name");
}

export class Claims {
  readonly #view: StateView;
  /** Taken by earlier declarations of the same event. */
  readonly #taken = new Map<string, string>();

  constructor(view: StateView) {
    this.#view = view;
  }

  /** Why this intent, with its full name, cannot stand beside what there is. */
  refusal(intent: ServiceIntent): Refusal | undefined {
    const { name, protocol, owner } = intent;
    const known = this.#view.services.get(name);
    if (known !== undefined && !sameOwner(known.owner, owner)) return ownedByOther(name, known.owner);
    if (known !== undefined && known.protocol !== protocol) {
      const text = `service "${name}" speaks ${known.protocol}, not ${protocol}`;
      return refusal("ERR_SERVICE_CONFLICT", name, text, "remove it first, or choose another name");
    }
    if (known === undefined && this.#view.services.size >= LIMITS.services) {
      return refusal("ERR_LIMIT", name, `the node has ${LIMITS.services} services already`);
    }
    return this.#ingressRefusal(intent);
  }

  /** Remembers that this intent will stand. */
  take(intent: ServiceIntent): void {
    for (const key of placesOf(intent)) this.#taken.set(key, intent.name);
  }

  /** Name of the service of this event that has one of the places. */
  takenBy(intent: Pick<ServiceIntent, "name" | "ingress">): { place: string; name: string } | undefined {
    for (const place of placesOf(intent)) {
      const name = this.#taken.get(place);
      if (name !== undefined && name !== intent.name) return { place, name };
    }
    return undefined;
  }

  #ingressRefusal(intent: ServiceIntent): Refusal | undefined {
    const taken = this.takenBy(intent);
    if (taken !== undefined) return placeTaken(intent.name, taken.place, taken.name);
    const { name, ingress } = intent;
    const places = [
      { kind: "host", value: name },
      { kind: "host", value: ingress?.host },
      { kind: "prefix", value: ingress?.prefix },
    ] as const;
    for (const { kind, value } of places) {
      const owner = value === undefined ? undefined : this.#view.ingressOwner(kind, value);
      if (owner !== undefined && owner !== name) return placeTaken(name, `${kind} ${value}`, owner);
    }
    return undefined;
  }
}

export const placeTaken = (name: string, place: string, by: string): Refusal =>
  refusal("ERR_SERVICE_CONFLICT", name, `service "${name}": the ingress ${place} belongs to "${by}"`);

function placesOf({ name, ingress }: Pick<ServiceIntent, "name" | "ingress">): string[] {
  const places = [`host ${name}`];
  if (ingress?.host !== undefined) places.push(`host ${ingress.host}`);
  if (ingress?.prefix !== undefined) places.push(`prefix ${ingress.prefix}`);
  return places;
}
