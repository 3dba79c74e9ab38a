// Joins what services answer into one tree. Values come from foreign JSON: a key `__proto__` is dropped, because assigning it
// would change the target's prototype. Invariant: an entity that belongs to several targets is cloned for all but the first,
// so a later merge into one never shows in another.

import type { PathSegment, Rename } from "../plan/program.ts";

import { Text } from "./runtime.ts";

export type Json = null | boolean | number | string | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json | undefined;
}

export function mergeInto(target: JsonObject, source: JsonObject): void {
  for (const key in source) {
    const value = source[key];
    if (key === "__proto__" || value === undefined) continue;
    const known = target[key];
    if (typeof known !== "object" || known === null) target[key] = value;
    // A finished text is complete; nothing can be added to it.
    else if (known instanceof Text) continue;
    else if (typeof value === "object" && value !== null) mergeValue(target, key, known, value);
    else if (value !== null) target[key] = value;
  }
}

function mergeValue(
  target: JsonObject,
  key: string,
  known: Json[] | JsonObject,
  value: Json[] | JsonObject,
): void {
  if (!Array.isArray(known) && !Array.isArray(value)) mergeInto(known, value);
  else if (Array.isArray(known) && Array.isArray(value) && known.length === value.length)
    mergeLists(known, value);
  else target[key] = value;
}

function mergeLists(known: Json[], value: Json[]): void {
  for (let index = 0; index < value.length; index++) {
    const mine = known[index];
    const theirs = value[index];
    if (isObject(mine) && isObject(theirs)) mergeInto(mine, theirs);
    else if (Array.isArray(mine) && Array.isArray(theirs) && mine.length === theirs.length)
      mergeLists(mine, theirs);
    else if (theirs !== null && theirs !== undefined) known[index] = theirs;
  }
}

export function clone(value: Json): Json {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(clone);
  const copy: JsonObject = {};
  for (const key in value) {
    const inner = value[key];
    if (key !== "__proto__" && inner !== undefined) copy[key] = clone(inner);
  }
  return copy;
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Gives fields back the response key the client asked for. */
export function applyRenames(data: Json, renames: readonly Rename[]): void {
  for (const rename of renames) {
    eachAt(data, rename.path, 0, (object) => {
      const value = object[rename.from];
      if (value === undefined || !Object.hasOwn(object, rename.from)) return;
      delete object[rename.from];
      object[rename.to] = value;
    });
  }
}

function eachAt(
  value: Json | undefined,
  path: readonly PathSegment[],
  index: number,
  run: (at: JsonObject) => void,
): void {
  if (typeof value !== "object" || value === null) return;
  if (Array.isArray(value)) {
    for (const item of value) eachAt(item, path, index, run);
    return;
  }
  const segment = path[index];
  if (segment === undefined) run(value);
  else if ("field" in segment) eachAt(value[segment.field], path, index + 1, run);
  else if ("items" in segment) eachAt(value, path, index + 1, run);
  else if (typeof value["__typename"] !== "string" || segment.types.includes(value["__typename"])) {
    eachAt(value, path, index + 1, run);
  }
}

export type ResponsePath = readonly (string | number)[];

/** Where each object at the paths stands in the answer; only walked when an error has to be placed. */
export function placesOf(
  data: Json,
  paths: readonly (readonly PathSegment[])[],
): Map<JsonObject, ResponsePath> {
  const places = new Map<JsonObject, ResponsePath>();
  const walk = (
    value: Json | undefined,
    path: readonly PathSegment[],
    index: number,
    at: ResponsePath,
  ): void => {
    if (Array.isArray(value)) {
      value.forEach((item, position) => walk(item, path, index, [...at, position]));
      return;
    }
    if (!isObject(value)) return;
    const segment = path[index];
    if (segment === undefined) {
      if (!places.has(value)) places.set(value, at);
    } else if ("field" in segment) walk(value[segment.field], path, index + 1, [...at, segment.field]);
    else if ("items" in segment) walk(value, path, index + 1, at);
    else walk(value, path, index + 1, at);
  };
  for (const path of paths) walk(data, path, 0, []);
  return places;
}
