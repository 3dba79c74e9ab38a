// Writes the source of one operation's projection: a function from merged subgraph data to the text of `data`, in the order of
// the query. It hides what the API schema does not have (inaccessible enum values and types), renames nothing, and applies
// "Handling Field Errors" of the GraphQL specification (section 6.4.4): a null in a non-null place nulls the nearest nullable
// parent. Invariant: into the source go only names of a validated document and schema, and JSON literals. In the generated
// functions a string is JSON text, and null says "nothing fits here, look further up".

import {
  getNamedType,
  isEnumType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLEnumType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  type SelectionSetNode,
} from "graphql";
import { below, collect, expression, type Occurrence, type Source } from "./collect.ts";

const LEAVES: Readonly<Record<string, string>> = {
  String: "str",
  ID: "id",
  Int: "int",
  Float: "float",
  Boolean: "bool",
};

export function projection(
  schema: GraphQLSchema,
  root: GraphQLObjectType,
  set: SelectionSetNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  isLocal: (field: string) => boolean,
  texts: ReadonlySet<FieldNode>,
): string {
  const writer = new ProjectionWriter(schema, fragments, root, isLocal, texts);
  const name = writer.objectOf(root, [{ set, condition: [] }]);
  return (
    `"use strict";const {q,str,id,int,float,bool,json,nil,bad,own,Text}=R;let V,I;\n` +
    `${writer.functions.join("\n")}\nreturn (d,v,i)=>{V=v;I=i;return ${name}(d)};`
  );
}

/** Fields of one or more object types that are written alike. */
interface Shape {
  readonly types: GraphQLObjectType[];
  readonly fields: ReadonlyMap<string, Occurrence[]>;
}

class ProjectionWriter {
  readonly functions: string[] = [];
  readonly #schema: GraphQLSchema;
  readonly #fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly #root: GraphQLObjectType;
  readonly #isLocal: (field: string) => boolean;
  /** Fields whose value may be finished text (see splice.ts). */
  readonly #texts: ReadonlySet<FieldNode>;
  /** Key of what a function writes, to its name: fragments used in many places are written once. */
  readonly #names = new Map<string, string>();
  readonly #ids = new Map<object, number>();

  constructor(
    schema: GraphQLSchema,
    fragments: ReadonlyMap<string, FragmentDefinitionNode>,
    root: GraphQLObjectType,
    isLocal: (field: string) => boolean,
    texts: ReadonlySet<FieldNode>,
  ) {
    this.#schema = schema;
    this.#fragments = fragments;
    this.#root = root;
    this.#isLocal = isLocal;
    this.#texts = texts;
  }

  objectOf(type: GraphQLObjectType, sources: readonly Source[]): string {
    return this.#object({ types: [type], fields: this.#collect(type, sources) });
  }

  #collect(type: GraphQLObjectType, sources: readonly Source[]): Map<string, Occurrence[]> {
    return collect(sources, this.#fragments, (name) => this.#applies(type, name));
  }

  #applies(type: GraphQLObjectType, name: string): boolean {
    if (type.name === name) return true;
    const condition = this.#schema.getType(name);
    if (condition === undefined || isObjectType(condition)) return false;
    return (
      "getFields" in condition || "getTypes" in condition
        ? this.#schema.getPossibleTypes(
            condition as GraphQLCompositeType & Parameters<GraphQLSchema["getPossibleTypes"]>[0],
          )
        : []
    ).includes(type);
  }

  /** Defines a function once for equal keys. The body is written by `write` after the name is known. */
  #define(key: string, prefix: string, write: () => string): string {
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const name = `${prefix}${this.#names.size}`;
    this.#names.set(key, name);
    this.functions.push(`function ${name}(v){${write()}}`);
    return name;
  }

  #object(shape: Shape): string {
    return this.#define(`o ${this.#signature(shape, true)}`, "o", () => this.#objectBody(shape));
  }

  #objectBody({ types, fields }: Shape): string {
    const type = types[0];
    if (type === undefined) return "return null;";
    let code = `let s="{",x;`;
    /** "none" written yet, "some" perhaps, "one" for certain. */
    let before: "none" | "some" | "one" = "none";
    for (const [key, occurrences] of fields) {
      const node = occurrences[0]?.node;
      if (node === undefined) continue;
      const condition = expression(occurrences.map((occurrence) => occurrence.condition));
      const comma = before === "none" ? "" : before === "one" ? "," : undefined;
      const lead = JSON.stringify(`${comma ?? ""}"${key}":`);
      const prefix = comma === undefined ? `s+=s.length>1?",":"";s+=${lead}` : `s+=${lead}`;
      const statement = this.#field(types, type, key, node, occurrences, prefix);
      code += condition === undefined ? statement : `if(${condition}){${statement}}`;
      if (condition === undefined) before = "one";
      else if (before === "none") before = "some";
    }
    return `${code}return s+"}";`;
  }

  #field(
    types: readonly GraphQLObjectType[],
    type: GraphQLObjectType,
    key: string,
    node: FieldNode,
    occurrences: readonly Occurrence[],
    prefix: string,
  ): string {
    const name = node.name.value;
    if (name === "__typename") {
      return types.length === 1
        ? `${prefix}+${literal(JSON.stringify(type.name))};`
        : `${prefix}+q(v.__typename);`;
    }
    if (type === this.#root && this.#isLocal(name)) return `${prefix}+(I[${literal(key)}]??"null");`;
    const field = type.getFields()[name];
    if (field === undefined) return "";
    const access = key in Object.prototype ? `own(v,${literal(key)})` : `v.${key}`;
    const place = literal(`${type.name}.${name}`);
    const parsed = this.#value(field.type, access, prefix, place, below(occurrences));
    if (!this.#texts.has(node)) return parsed;
    return `x=${access};if(x instanceof Text){${prefix}+x.text;}else{${parsed}}`;
  }

  /** Statements that append `access` to `s` after `prefix`, or leave the function with null. */
  #value(
    type: GraphQLOutputType,
    access: string,
    prefix: string,
    place: string,
    sources: readonly Source[],
  ): string {
    if (isNonNullType(type)) {
      const write = this.#writer(type.ofType, place, sources);
      const fault = isLeafType(type.ofType) ? `return nil(${place})` : "return null";
      return `x=${access};if(x==null)return nil(${place});if((x=${write})===null)${fault};${prefix}+x;`;
    }
    const write = this.#writer(type, place, sources);
    const otherwise = isLeafType(type) ? `bad(${place})` : `"null"`;
    return `x=${access};${prefix}+(x==null?"null":(${write}??${otherwise}));`;
  }

  /** Expression over `x`, which is neither null nor undefined. */
  #writer(type: GraphQLOutputType, place: string, sources: readonly Source[]): string {
    if (isListType(type)) return `${this.#list(type.ofType, place, sources)}(x)`;
    const named = getNamedType(type);
    if (isEnumType(named)) return `${this.#enumeration(named)}(x)`;
    if (isLeafType(named)) return `${LEAVES[named.name] ?? "json"}(x)`;
    if (isObjectType(named)) return `${this.objectOf(named, sources)}(x)`;
    return `${this.#abstract(named as GraphQLCompositeType, sources)}(x)`;
  }

  #list(of: GraphQLOutputType, place: string, sources: readonly Source[]): string {
    const key = `l ${String(of)} ${place} ${sources.map((source) => this.#sourceKey(source)).join(" ")}`;
    return this.#define(key, "l", () => {
      const item = this.#value(of, "v[i]", `s+=(i===0?"":",")`, place, sources);
      return `if(!Array.isArray(v))return bad(${place}),null;let s="[",x;for(let i=0;i<v.length;i++){${item}}return s+"]";`;
    });
  }

  #enumeration(type: GraphQLEnumType): string {
    return this.#define(`e ${type.name}`, "e", () => {
      const cases = type.getValues().map(({ name }) => `case ${literal(name)}:`);
      return `switch(v){${cases.join("")}return '"'+v+'"';default:return null}`;
    });
  }

  #abstract(type: GraphQLCompositeType, sources: readonly Source[]): string {
    const key = `a ${type.name} ${sources.map((source) => this.#sourceKey(source)).join(" ")}`;
    return this.#define(key, "a", () => {
      const shapes = new Map<string, Shape>();
      for (const possible of this.#possible(type)) {
        const fields = this.#collect(possible, sources);
        const signature = this.#signature({ types: [possible], fields }, false);
        const known = shapes.get(signature);
        if (known === undefined) shapes.set(signature, { types: [possible], fields });
        else known.types.push(possible);
      }
      let code = "switch(v.__typename){";
      for (const shape of shapes.values()) {
        const cases = shape.types.map(({ name }) => `case ${literal(name)}:`);
        code += `${cases.join("")}return ${this.#object(shape)}(v);`;
      }
      // The planner leaves `__typename` out where all types are written alike, and an interface object keeps its own name.
      const [first] = shapes.values();
      if (shapes.size === 1 && first !== undefined) {
        code += `case undefined:case ${literal(type.name)}:return ${this.#object(first)}(v);`;
      }
      // Any other type is not part of the API: as if it were not there.
      return `${code}default:return null}`;
    });
  }

  #possible(type: GraphQLCompositeType): readonly GraphQLObjectType[] {
    return isObjectType(type) ? [type] : this.#schema.getPossibleTypes(type);
  }

  #signature({ types, fields }: Shape, named: boolean): string {
    const type = types[0];
    let key = named ? types.map(({ name }) => name).join("|") : "";
    for (const [name, occurrences] of fields) {
      const first = occurrences[0]?.node.name.value ?? "";
      key += ` ${name}:${String(type?.getFields()[first]?.type)}`;
      for (const { node, condition } of occurrences) key += `,${this.#id(node)}${JSON.stringify(condition)}`;
    }
    return key;
  }

  #sourceKey({ set, condition }: Source): string {
    return `${this.#id(set)}${JSON.stringify(condition)}`;
  }

  #id(node: object): number {
    const known = this.#ids.get(node);
    if (known !== undefined) return known;
    this.#ids.set(node, this.#ids.size);
    return this.#ids.size - 1;
  }
}

const literal = (text: string): string => JSON.stringify(text);
