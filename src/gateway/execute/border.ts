// Takes the answer of another organization's service in at the border: only what was asked for, in the shape the schema promised,
// with `__typename` in our names. Everything else (keys nobody asked for, lists where there is no list, types that cannot stand
// there, `__proto__`) stays outside. Invariant: what is taken in is as deep as the operation, a custom scalar at most
// SCALAR_DEPTH_MAX levels, so no later walk over the tree can run out of stack.

import type { AnswerField, AnswerNode, AnswerShape } from "../plan/program.ts";
import { isObject, type Json, type JsonObject } from "./merge.ts";

const SCALAR_DEPTH_MAX = 32;

export interface Admitted {
  readonly data: JsonObject;
  /** Something was there that did not fit; it is null now. */
  readonly misfit: boolean;
}

export type Admit = (data: JsonObject) => Admitted;

export function compileShape(shape: AnswerShape): Admit {
  const nodes = shape.map((node) => (node.kind === "object" ? node : new Map(node.types)));
  return (data) => {
    const reader = new Reader(nodes);
    const admitted = reader.node(0, data);
    return { data: isObject(admitted) ? admitted : {}, misfit: reader.misfit };
  };
}

type Node = Extract<AnswerNode, { kind: "object" }> | ReadonlyMap<string, number>;

class Reader {
  misfit = false;
  readonly #nodes: readonly Node[];

  constructor(nodes: readonly Node[]) {
    this.#nodes = nodes;
  }

  node(index: number, value: Json): Json {
    const node = this.#nodes[index];
    if (!isObject(value) || node === undefined) return this.#none();
    if (!("kind" in node)) {
      const named = value["__typename"];
      const found = typeof named === "string" ? node.get(named) : undefined;
      return found === undefined ? this.#none() : this.node(found, value);
    }
    const out: JsonObject = {};
    for (const field of node.fields) {
      const { key, typename } = field;
      if (!Object.hasOwn(value, key)) continue;
      const given = value[key];
      if (given === undefined) continue;
      out[key] = typename ?? this.#value(field, given, field.lists);
    }
    return out;
  }

  #value(field: AnswerField, value: Json, lists: number): Json {
    if (value === null) return null;
    if (lists > 0)
      return Array.isArray(value) ? value.map((item) => this.#value(field, item, lists - 1)) : this.#none();
    if (field.node !== undefined) return this.node(field.node, value);
    return isShallow(value, SCALAR_DEPTH_MAX) ? value : this.#none();
  }

  #none(): null {
    this.misfit = true;
    return null;
  }
}

function isShallow(value: Json | undefined, depth: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (depth === 0) return false;
  for (const inner of Object.values(value)) if (!isShallow(inner as Json, depth - 1)) return false;
  return true;
}
