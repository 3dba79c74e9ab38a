// Writes the source of the two functions of an entity fetch: `collect` walks the merged data to the objects at given paths,
// `represent` writes one object's representation as JSON text. Equal texts are equal representations, so the executor
// dedupes by the text itself. Semantics: read the field's name, write its alias; a missing value drops the representation.
// Invariant: only names from the plan and JSON literals go into the source.

import type { InputRewrite, RequiresSelection } from "@graphql-hive/router-query-planner";
import type { PathSegment } from "./program.ts";
import type { PossibleTypes } from "./types.ts";

/** `(R) => (data, out) => void` */
export function collectSource(paths: readonly (readonly PathSegment[])[]): string {
  const bodies = paths.map((path) => `{const v0=d;${walk(path, 0, "v0")}}`);
  return `"use strict";const {flat,own,put}=R;return (d,out)=>{${bodies.join("")}};`;
}

function walk(path: readonly PathSegment[], index: number, value: string): string {
  const segment = path[index];
  // A list where the path ends at a field is walked as well: each of its objects is a target.
  if (segment === undefined) return `put(${value},out);`;
  const next = `v${index + 1}`;
  if ("field" in segment) {
    const inner = walk(path, index + 1, next);
    return `const ${next}=${read(value, segment.field)};if(${next}!=null){${inner}}`;
  }
  if ("items" in segment) {
    const inner = walk(path, index + 1, next);
    const list = `l${index}`;
    const at = `i${index}`;
    return (
      `const ${list}=flat(${value});for(let ${at}=0;${at}<${list}.length;${at}++)` +
      `{const ${next}=${list}[${at}];if(${next}!=null){${inner}}}`
    );
  }
  const inner = walk(path, index + 1, value);
  const types = segment.types.map((type) => `${value}.__typename===${JSON.stringify(type)}`);
  return `if(${value}.__typename===undefined||${types.join("||")}){${inner}}`;
}

/** `(R) => (entity, variables) => string | null` */
export function representSource(
  requires: readonly RequiresSelection[],
  rewrites: readonly InputRewrite[],
  possible: PossibleTypes,
  theirs?: (type: string) => string,
): string {
  const writer = new RepresentationWriter(rewrites, possible, theirs);
  const body = writer.body(requires, true);
  return `"use strict";const {q,any,own}=R;let V;${writer.functions.join("")}return (e,v)=>{V=v;${body}};`;
}

interface Wanted {
  readonly name: string;
  readonly key: string;
  readonly when: string | undefined;
  readonly selections: readonly RequiresSelection[];
}

class RepresentationWriter {
  readonly functions: string[] = [];
  readonly #rewrites: readonly InputRewrite[];
  readonly #possible: PossibleTypes;
  /** What a service of another organization calls a type. */
  readonly #theirs: ((type: string) => string) | undefined;

  constructor(
    rewrites: readonly InputRewrite[],
    possible: PossibleTypes,
    theirs: ((type: string) => string) | undefined,
  ) {
    this.#rewrites = rewrites;
    this.#possible = possible;
    this.#theirs = theirs;
  }

  /** Statements over `e` that return its text. Types with the same wishes share a case. */
  body(selections: readonly RequiresSelection[], top: boolean): string {
    const types = new Set<string>();
    for (const selection of selections) {
      if (selection.kind === "InlineFragment") {
        for (const type of this.#possible(selection.typeCondition)) types.add(type);
      }
    }
    const plain = this.#wanted(selections, undefined, undefined);
    if (types.size === 0) return `${this.#write(plain, undefined)}`;
    const cases = new Map<string, string[]>();
    for (const type of types) {
      const code = this.#write(this.#wanted(selections, type, undefined), top ? type : undefined);
      const known = cases.get(code);
      if (known === undefined) cases.set(code, [type]);
      else known.push(type);
    }
    let code = "switch(e.__typename){";
    for (const [body, names] of cases) {
      code += `${names.map((name) => `case ${JSON.stringify(name)}:`).join("")}{${body}}`;
    }
    // At the top an object of another type is no target; below, it simply lacks the conditional fields.
    return `${code}default:{${top ? "return null;" : this.#write(plain, undefined)}}}`;
  }

  #wanted(
    selections: readonly RequiresSelection[],
    type: string | undefined,
    when: string | undefined,
  ): Wanted[] {
    const wanted: Wanted[] = [];
    for (const selection of selections) {
      if (selection.kind === "Field") {
        const { name } = selection;
        wanted.push({ name, key: selection.alias ?? name, when, selections: selection.selections ?? [] });
      } else if (selection.kind === "InlineFragment") {
        if (type === undefined || !this.#possible(selection.typeCondition).includes(type)) continue;
        const terms = [
          ...(when === undefined ? [] : [when]),
          ...(selection.skipIf === undefined ? [] : [`!V.${selection.skipIf}`]),
          ...(selection.includeIf === undefined ? [] : [`V.${selection.includeIf}`]),
        ];
        const both = terms.length === 0 ? undefined : terms.join("&&");
        wanted.push(...this.#wanted(selection.selections, type, both));
      } else {
        throw new Error("a plan with fragment spreads in a representation is not supported");
      }
    }
    return merge(wanted);
  }

  #write(wanted: readonly Wanted[], type: string | undefined): string {
    let code = `let s="",x;`;
    for (const { name, key, when, selections } of wanted) {
      const lead = JSON.stringify(`,"${key}":`);
      let statement: string;
      const renamed = name === "__typename" ? this.#typenameThere(type) : undefined;
      if (renamed !== undefined) {
        statement = `s+=${JSON.stringify(`,"${key}":${JSON.stringify(renamed)}`)};`;
      } else if (selections.length === 0) {
        statement = `x=${read("e", name)};if(x===undefined)return null;s+=${lead}+any(x);`;
      } else {
        const inner = `r${this.functions.length}`;
        // The slot is taken before the nested functions are written, so that names stay unique.
        const slot = this.functions.push("") - 1;
        this.functions[slot] =
          `function ${inner}(e){if(e===null)return "null";if(Array.isArray(e)){let s="";` +
          `for(let i=0;i<e.length;i++){const x=${inner}(e[i]);if(x===null)return null;s+=(i===0?"":",")+x}` +
          `return "["+s+"]"}if(typeof e!=="object")return null;${this.body(selections, false)}}`;
        statement = `x=${read("e", name)};if(x===undefined||(x=${inner}(x))===null)return null;s+=${lead}+x;`;
      }
      code += when === undefined ? statement : `if(${when}){${statement}}`;
    }
    return `${code}return "{"+s.slice(1)+"}";`;
  }

  #typenameThere(type: string | undefined): string | undefined {
    const ours = this.#typename(type);
    if (this.#theirs === undefined) return ours;
    const name = ours ?? type;
    if (name === undefined) throw new Error("a representation of unknown type for another organization");
    return this.#theirs(name);
  }

  /** What a rewrite sets `__typename` to, for an object of this type. */
  #typename(type: string | undefined): string | undefined {
    if (type === undefined) return undefined;
    for (const rewrite of this.#rewrites) {
      const setter =
        "ValueSetter" in rewrite ? rewrite.ValueSetter : "setValueTo" in rewrite ? rewrite : undefined;
      if (setter === undefined) continue;
      const [condition, last] = setter.path;
      if (condition === undefined || !("TypenameEquals" in condition)) continue;
      if (last === undefined || !("Key" in last) || last.Key !== "__typename") continue;
      if (condition.TypenameEquals.some((name) => this.#possible(name).includes(type)))
        return setter.setValueTo;
    }
    return undefined;
  }
}

/** One entry a key; the selections of equal keys are joined. */
function merge(wanted: readonly Wanted[]): Wanted[] {
  const merged = new Map<string, Wanted>();
  for (const item of wanted) {
    const known = merged.get(item.key);
    if (known === undefined) merged.set(item.key, item);
    else {
      const when =
        known.when === undefined || item.when === undefined ? undefined : `(${known.when}||${item.when})`;
      merged.set(item.key, { ...known, when, selections: [...known.selections, ...item.selections] });
    }
  }
  return [...merged.values()];
}

function read(value: string, name: string): string {
  return name in Object.prototype ? `own(${value},${JSON.stringify(name)})` : `${value}.${name}`;
}
