// What the checks over several keys share: reading the tree as it was written, and saying what is wrong at its place.

import { isIP } from "node:net";
import type { Problem } from "./problems.ts";
import { type Path, pathText } from "./shape.ts";
import { type Tree, originAt, plain, treeAt } from "./tree.ts";

export class Checks {
  readonly problems: Problem[] = [];
  readonly tree: Tree;

  constructor(tree: Tree) {
    this.tree = tree;
  }

  has(path: Path): boolean {
    return treeAt(this.tree, path) !== undefined;
  }

  value(path: Path): unknown {
    const found = treeAt(this.tree, path);
    return found === undefined ? undefined : plain(found);
  }

  text(path: Path): string | undefined {
    const value = this.value(path);
    return typeof value === "string" ? value : undefined;
  }

  say(path: Path, reason: string, meant?: string): void {
    const origin = originAt(this.tree, path);
    this.problems.push({ origin, key: pathText(path), reason, ...(meant === undefined ? {} : { meant }) });
  }

  /** Says so when a value was seen before. */
  once(seen: Map<string, Path>, value: string, path: Path, reason: string): void {
    const before = seen.get(value);
    if (before === undefined) seen.set(value, path);
    else this.say(path, `${reason}, see ${pathText(before)}`);
  }

  /** Places of the items of a list. */
  items(path: Path): readonly Path[] {
    const list = treeAt(this.tree, path);
    return list?.content.type === "list" ? [...list.content.items.keys()].map((at) => [...path, at]) : [];
  }

  get organization(): string {
    return this.text(["organization"]) ?? "local.catalyst.internal";
  }
}

/** "[::1]:80" → "::1" */
export const hostOf = (address: string): string =>
  address.slice(0, address.lastIndexOf(":")).replaceAll(/^\[|\]$/g, "");

/** Loopback addresses reach nobody beyond this machine. */
export function isLoopback(address: string): boolean {
  const host = hostOf(address);
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}
