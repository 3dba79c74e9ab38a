// Example of a plugin: it labels services by name and keeps a file with the services of each label up to
// date. It shows all that a plugin has: settings with a schema, deltas in phase 1, effects in phase 2, and a
// runner that makes them true. The guide is docs/guides/write-a-plugin.md; only types are imported, so the
// file runs wherever it lies.

import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { ConfigSchema, EffectResult, KeyRunner } from "#kernel";
import type { Commit, Effect, Event, IServicePlugin, Service, StateView } from "#routing";

interface Settings {
  /** Where a service's name begins with the key, it gets the label `team` with this value. */
  readonly teams: Readonly<Record<string, string>>;
  /** Folder of the lists, one file per team. */
  readonly folder: string;
}

/** Standard Schema: any library that speaks it will do (zod, valibot, arktype), or a few lines by hand. */
export const configSchema: ConfigSchema<Settings> = {
  "~standard": {
    version: 1,
    vendor: "tags",
    validate(value) {
      const { teams, folder } = (value ?? {}) as Partial<Settings>;
      if (typeof folder !== "string") return { issues: [{ message: "must be a folder", path: ["folder"] }] };
      for (const [prefix, team] of Object.entries(teams ?? {})) {
        if (!/^[a-z0-9-]{1,63}$/.test(String(team))) {
          return { issues: [{ message: "must be a word in lower case", path: ["teams", prefix] }] };
        }
      }
      return { value: { teams: teams ?? {}, folder } };
    },
  },
};

export const apiVersion = 1;

export function create({ teams, folder }: Settings): IServicePlugin {
  const teamOf = (name: string) => Object.entries(teams).find(([prefix]) => name.startsWith(prefix))?.[1];
  return {
    name: "tags",
    apiVersion: 1,
    // Runs after these, so that it sees what they declared for the same event.
    requires: ["registry", "leases"],
    handles: ["config.services", "store.services", "service.add", "lease.register"],

    // Phase 1: pure. Proposes the whole service with one more label.
    apply(event, view, out) {
      for (const service of declared(event, view)) {
        const team = teamOf(service.name);
        if (team === undefined || service.labels?.["team"] === team) continue;
        out.push({ kind: "service.set", service: { ...service, labels: { ...service.labels, team } } });
      }
    },

    // Phase 2: pure. Says what should be in the files of the teams that this commit touched.
    react(commit, view, out) {
      for (const team of touched(commit)) {
        const members = [...view.services.values()].filter(({ labels }) => labels?.["team"] === team);
        const lines = members.map(({ name, health }) => `${name} ${health}`).sort();
        out.push({ kind: "x.tags", key: team, want: lines.length === 0 ? undefined : lines });
      }
    },

    // Outside the loop: makes it true. Called again with backoff when it failed, never twice at once for one
    // team.
    runners: { "x.tags": writeTo(folder) },
  };
}

function declared(event: Event, view: StateView): Iterable<Service> {
  if (event.kind === "config.services" || event.kind === "store.services") return view.services.values();
  const name = "intent" in event ? event.intent.name : "";
  // People write short names; the state holds full ones.
  const full = name.includes(".") ? name : `${name}.${view.node.slice(view.node.indexOf(".") + 1)}`;
  const service = view.services.get(full);
  return service === undefined ? [] : [service];
}

function touched(commit: Commit): Set<string> {
  const teams = new Set<string>();
  for (const { before, after } of commit.changes.services.values()) {
    for (const team of [before?.labels?.["team"], after?.labels?.["team"]]) {
      if (team !== undefined) teams.add(team);
    }
  }
  return teams;
}

type TagsEffect = Extract<Effect, { kind: `x.${string}` }>;

function writeTo(folder: string): KeyRunner<TagsEffect> {
  return {
    async run({ key, want }): Promise<EffectResult> {
      const file = `${folder}/${key}.txt`;
      if (want === undefined) await rm(file, { force: true });
      else {
        await mkdir(dirname(file), { recursive: true });
        // Whole or not at all: a reader never sees half a list.
        await writeFile(`${file}.new`, `${(want as string[]).join("\n")}\n`);
        await rename(`${file}.new`, file);
      }
      return { ok: true };
    },
  };
}
