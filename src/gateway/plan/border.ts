// The border between our graph and a service of another organization, for one operation: its text in the peer's own names, and the
// shape its answer may have in ours. The shape is strict: of the answer only what was asked for is taken, with `__typename` put
// into our names, so that a peer cannot slip values into the tree that others fill. Done once per plan, in the compose thread.
// Invariant: every place of abstract type asks for `__typename`, so that each object's type is known where it enters.

import {
  buildASTSchema,
  getNamedType,
  isAbstractType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  parse,
  print,
  TypeInfo,
  visit,
  visitWithTypeInfo,
  type DocumentNode,
  type FragmentDefinitionNode,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from "graphql";
import { BorderNames } from "../compose/foreign/names.ts";
import { below, collect, type Source } from "./collect.ts";
import { fragmentsOf } from "./limits.ts";
import type { AnswerField, AnswerNode, AnswerShape } from "./program.ts";

/** What is known of a foreign service beside its place in the supergraph. Plain data. */
export interface Border {
  readonly prefix: string;
  readonly shared: readonly string[];
  /** Their names of the root types. */
  readonly roots: { readonly query: string; readonly mutation: string };
  /** Its schema as it was taken in, in our names. */
  readonly sdl: string;
}

export interface Crossing {
  readonly document: string;
  readonly shape: AnswerShape;
}

export class BorderCrossing {
  readonly #border: Border;
  readonly #names: BorderNames;
  #schema: GraphQLSchema | undefined;

  constructor(border: Border) {
    this.#border = border;
    this.#names = new BorderNames(border);
  }

  /** Of an object type, for representations. */
  typename(ours: string): string {
    return this.#names.theirsOfType(ours);
  }

  cross(operation: string): Crossing {
    const schema = (this.#schema ??= schemaOf(this.#border.sdl));
    const document = withTypenames(parse(operation, { noLocation: true }), schema);
    return {
      document: print(this.#renamed(document, schema)),
      shape: new ShapeWriter(schema, document, this.#names).write(),
    };
  }

  #renamed(document: DocumentNode, schema: GraphQLSchema): DocumentNode {
    const names = this.#names;
    const info = new TypeInfo(schema);
    const { query, mutation } = this.#border.roots;
    const roots: Readonly<Record<string, string>> = { Query: query, Mutation: mutation };
    return visit(
      document,
      visitWithTypeInfo(info, {
        Field: {
          leave(node) {
            const parent = info.getParentType();
            if (parent !== schema.getQueryType() && parent !== schema.getMutationType()) return undefined;
            const name = names.theirsOfRootField(node.name.value);
            if (name === node.name.value) return undefined;
            return { ...node, alias: node.alias ?? node.name, name: { kind: Kind.NAME, value: name } };
          },
        },
        NamedType: {
          leave(node) {
            const name = node.name.value;
            const value = roots[name] ?? names.theirsOfType(name);
            return { ...node, name: { kind: Kind.NAME, value } };
          },
        },
      }),
    );
  }
}

/** With the one field that federation adds. */
function schemaOf(sdl: string): GraphQLSchema {
  const document = parse(sdl, { noLocation: true });
  const entities: string[] = [];
  let query = false;
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION) continue;
    query ||= definition.name.value === "Query";
    if (definition.directives?.some(({ name }) => name.value === "key")) entities.push(definition.name.value);
  }
  const root = query ? "extend type Query" : "type Query";
  const added =
    entities.length === 0
      ? query
        ? ""
        : "type Query { _nothing: Int }"
      : `${root} { _entities(representations: [_Any!]!): [_Entity]! } scalar _Any union _Entity = ${entities.join(" | ")}`;
  const kept = document.definitions.filter(({ kind }) => kind !== Kind.SCHEMA_EXTENSION);
  const all = added === "" ? kept : [...kept, ...parse(added, { noLocation: true }).definitions];
  return buildASTSchema({ kind: Kind.DOCUMENT, definitions: all }, { assumeValidSDL: true });
}

const TYPENAME = { kind: Kind.FIELD, name: { kind: Kind.NAME, value: "__typename" } } as const;

function withTypenames(document: DocumentNode, schema: GraphQLSchema): DocumentNode {
  const info = new TypeInfo(schema);
  return visit(
    document,
    visitWithTypeInfo(info, {
      SelectionSet: {
        leave(node) {
          if (!isAbstractType(info.getParentType())) return undefined;
          const there = node.selections.some(
            (selection) =>
              selection.kind === Kind.FIELD &&
              selection.name.value === "__typename" &&
              selection.alias === undefined &&
              (selection.directives?.length ?? 0) === 0,
          );
          return there ? undefined : { ...node, selections: [TYPENAME, ...node.selections] };
        },
      },
    }),
  );
}

class ShapeWriter {
  readonly #schema: GraphQLSchema;
  readonly #document: DocumentNode;
  readonly #fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly #names: BorderNames;
  readonly #nodes: AnswerNode[] = [];
  /** Type and selections to the node's place: each is written once, however often it is reached. */
  readonly #places = new Map<string, number>();
  readonly #ids = new Map<object, number>();

  constructor(schema: GraphQLSchema, document: DocumentNode, names: BorderNames) {
    this.#schema = schema;
    this.#document = document;
    this.#fragments = fragmentsOf(document);
    this.#names = names;
  }

  write(): AnswerShape {
    const operation = this.#document.definitions.find(
      (definition): definition is OperationDefinitionNode => definition.kind === Kind.OPERATION_DEFINITION,
    );
    const root =
      operation?.operation === "mutation" ? this.#schema.getMutationType() : this.#schema.getQueryType();
    if (operation === undefined || root === undefined || root === null)
      throw new Error("a plan asks a foreign service for what it does not have");
    this.#object(root, [{ set: operation.selectionSet, condition: [] }]);
    return this.#nodes;
  }

  #object(type: GraphQLObjectType, sources: readonly Source[]): number {
    return this.#once(`${type.name} ${this.#key(sources)}`, () => {
      const fields: AnswerField[] = [];
      for (const [key, occurrences] of collect(sources, this.#fragments, (name) =>
        this.#applies(type, name),
      )) {
        const name = occurrences[0]?.node.name.value ?? "";
        if (name === "__typename") {
          fields.push({ key, lists: 0, typename: type.name });
          continue;
        }
        const field = type.getFields()[name];
        if (field !== undefined) fields.push({ key, ...this.#value(field.type, below(occurrences)) });
      }
      return { kind: "object", fields };
    });
  }

  #value(type: GraphQLOutputType, sources: readonly Source[]): Omit<AnswerField, "key"> {
    let lists = 0;
    for (let inner = type; isListType(inner) || isNonNullType(inner); inner = inner.ofType)
      if (isListType(inner)) lists += 1;
    const named = getNamedType(type);
    if (isObjectType(named)) return { lists, node: this.#object(named, sources) };
    if (!isAbstractType(named)) return { lists };
    const node = this.#once(`${named.name} ${this.#key(sources)}`, () => ({
      kind: "abstract",
      types: this.#schema
        .getPossibleTypes(named)
        .map((possible) => [this.#names.theirsOfType(possible.name), this.#object(possible, sources)]),
    }));
    return { lists, node };
  }

  #once(key: string, write: () => AnswerNode): number {
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    // The place is taken before what lies below it is written.
    const place = this.#nodes.push({ kind: "object", fields: [] }) - 1;
    this.#places.set(key, place);
    this.#nodes[place] = write();
    return place;
  }

  #applies(type: GraphQLObjectType, name: string): boolean {
    if (type.name === name) return true;
    const condition = this.#schema.getType(name);
    return isAbstractType(condition) && this.#schema.isSubType(condition, type);
  }

  #key(sources: readonly Source[]): string {
    return sources
      .map(({ set }) => {
        const id = this.#ids.get(set) ?? this.#ids.size;
        this.#ids.set(set, id);
        return id;
      })
      .join(" ");
  }
}
