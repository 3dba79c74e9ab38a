// Where a rule stands, in words that lead to it: its place in the list, and the file and line that own it. Verdicts name a rule by
// an id made of its content; people look for a line. Pure.

import { basename } from "node:path";
import type { Owner } from "#routing";
import type { Peering, RuleList, RuleState } from "../peering/peering.ts";

/** "catalyst.json:12", "added by hand" */
export function ownerPlace(owner: Owner): string {
  if (owner.kind !== "config") return "added by hand";
  return owner.line === 0 ? basename(owner.file) : `${basename(owner.file)}:${owner.line}`;
}

/** "imports[3], catalyst.json:12" */
export const placeText = (list: RuleList, { at, owner }: Pick<RuleState, "at" | "owner">): string =>
  `${list}[${at}], ${ownerPlace(owner)}`;

/** All of them, by id. */
export function rulePlaces(peering: Pick<Peering, "rules">): Readonly<Record<string, string>> {
  const places = (["imports", "exports"] as const).flatMap((list) =>
    peering.rules(list).map((rule) => [rule.id, placeText(list, rule)] as const),
  );
  return Object.fromEntries(places);
}
