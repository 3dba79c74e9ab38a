// The plugins of one loop: their order, which events each one wants, and how each one is doing. Order:
// outside "pre", built in, outside "post", each in the order given, except that `requires` goes first. A name
// twice, an unknown requirement and a cycle are errors at construction. A failing plugin never stops the
// node: failures are counted and shown (`degraded` stays until the restart, for what was lost stays lost);
// one from outside is disabled after five in a row, a built-in one goes on.

import { KernelError } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import type { Plugin, Types } from "./plugin.ts";

export type PluginState = "ok" | "degraded" | "disabled";

export interface PluginStatus {
  readonly name: string;
  readonly builtIn: boolean;
  readonly state: PluginState;
  /** Throws of `apply` and `react` since the start. */
  readonly failures: number;
  readonly lastError?: string;
}

export type Phase = "apply" | "react";

/** One plugin in its place. Mutable: the counters are the loop's own. */
export class Member<T extends Types> {
  readonly plugin: Plugin<T>;
  readonly builtIn: boolean;
  failures = 0;
  /**
   * Failures in a row, per phase: a plugin whose reactions always fail is not healed by events it handles
   * well.
   */
  readonly streak = { apply: 0, react: 0 };
  disabled = false;
  lastError: string | undefined;

  constructor(plugin: Plugin<T>, builtIn: boolean) {
    this.plugin = plugin;
    this.builtIn = builtIn;
  }
}

export class Roster<T extends Types> {
  readonly members: readonly Member<T>[];
  /** Members with `apply`, per event kind that some plugin names; every other kind goes to `#general`. */
  readonly #byKind = new Map<string, readonly Member<T>[]>();
  readonly #general: readonly Member<T>[];
  readonly reacting: readonly Member<T>[];

  constructor(builtIn: readonly Plugin<T>[], outside: readonly Plugin<T>[]) {
    this.members = arrange([
      ...outside.filter((plugin) => plugin.order === "pre").map((plugin) => new Member(plugin, false)),
      ...builtIn.map((plugin) => new Member(plugin, true)),
      ...outside.filter((plugin) => plugin.order !== "pre").map((plugin) => new Member(plugin, false)),
    ]);
    const applying = this.members.filter((member) => member.plugin.apply !== undefined);
    this.reacting = this.members.filter((member) => member.plugin.react !== undefined);
    this.#general = applying.filter((member) => member.plugin.handles === undefined);
    for (const kind of new Set(applying.flatMap((member) => member.plugin.handles ?? []))) {
      const wants = (member: Member<T>) => member.plugin.handles?.includes(kind) ?? true;
      this.#byKind.set(kind, applying.filter(wants));
    }
  }

  applying(kind: string): readonly Member<T>[] {
    return this.#byKind.get(kind) ?? this.#general;
  }

  /** Counts a failure; true when it was the one that disabled the plugin. */
  failed(member: Member<T>, phase: Phase, text: string): boolean {
    member.failures += 1;
    member.streak[phase] += 1;
    member.lastError = `${phase}: ${text}`;
    if (member.builtIn || member.disabled || member.streak[phase] < LIMITS.pluginFailures) return false;
    member.disabled = true;
    return true;
  }

  status(): PluginStatus[] {
    return this.members.map((member) => ({
      name: member.plugin.name,
      builtIn: member.builtIn,
      state: member.disabled ? "disabled" : member.failures > 0 ? "degraded" : "ok",
      failures: member.failures,
      ...(member.lastError === undefined ? {} : { lastError: member.lastError }),
    }));
  }
}

/**
 * Always takes the first member whose requirements stand already; so the given order holds wherever it can.
 */
function arrange<T extends Types>(members: readonly Member<T>[]): Member<T>[] {
  const names = new Set<string>();
  for (const { plugin } of members) {
    if (names.has(plugin.name)) {
      throw new KernelError("ERR_PLUGIN_LOAD", `two plugins have the name "${plugin.name}"`);
    }
    names.add(plugin.name);
  }
  for (const { plugin } of members) {
    const unknown = plugin.requires?.find((name) => !names.has(name));
    if (unknown === undefined) continue;
    const text = `plugin "${plugin.name}" requires "${unknown}", which is not there`;
    throw new KernelError("ERR_PLUGIN_LOAD", text, `add the plugin "${unknown}" to the configuration`);
  }
  const waiting = [...members];
  const placed: Member<T>[] = [];
  const done = new Set<string>();
  while (waiting.length > 0) {
    const index = waiting.findIndex(({ plugin }) => plugin.requires?.every((name) => done.has(name)) ?? true);
    const [next] = index < 0 ? [] : waiting.splice(index, 1);
    if (next === undefined) {
      const circle = waiting.map(({ plugin }) => `"${plugin.name}"`).join(", ");
      throw new KernelError("ERR_PLUGIN_LOAD", `plugins require each other in a circle: ${circle}`);
    }
    placed.push(next);
    done.add(next.plugin.name);
  }
  return placed;
}
