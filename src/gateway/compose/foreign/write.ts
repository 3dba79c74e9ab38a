// Writes a reduced catalog as the schema that is composed: in our names, in Federation 2 with `@key` and `@shareable` only, and
// nullable where our graph meets the peer's (root fields, fields of entities), so that its failure nulls its own fields and
// nothing of ours. Interfaces follow the entities that implement them. Invariant: whatever is written was decided here or is
// a value (a default, a description); nothing of the peer's text is passed on as text.

import {
  Kind,
  type ConstDirectiveNode,
  type DefinitionNode,
  type DocumentNode,
  type FieldDefinitionNode,
  type InputValueDefinitionNode,
  type NamedTypeNode,
  type NameNode,
  type TypeNode,
} from "graphql";
import type { Catalog, ForeignType } from "./catalog.ts";
import { written } from "./directives.ts";
import type { BorderNames } from "./names.ts";

export const FEDERATION_LINK: DefinitionNode = {
  kind: Kind.SCHEMA_EXTENSION,
  directives: [
    {
      kind: Kind.DIRECTIVE,
      name: nameNode("link"),
      arguments: [
        {
          kind: Kind.ARGUMENT,
          name: nameNode("url"),
          value: { kind: Kind.STRING, value: "https://specs.apollo.dev/federation/v2.3" },
        },
        {
          kind: Kind.ARGUMENT,
          name: nameNode("import"),
          value: {
            kind: Kind.LIST,
            values: ["@key", "@shareable"].map((value) => ({ kind: Kind.STRING, value }) as const),
          },
        },
      ],
    },
  ],
};

/** `scalars` are of ours. */
export function writeForeign(
  catalog: Catalog,
  names: BorderNames,
  scalars: ReadonlySet<string>,
): DocumentNode {
  const { types } = catalog;
  const loose = new Set<string>();
  for (const type of types.values())
    if (type.keys.length > 0) for (const name of type.interfaces) loose.add(name);
  const writer = new Writer(catalog, names, loose);
  const definitions = [...types.values()].map((type) => writer.type(type));
  const ours = [...scalars].map((name): DefinitionNode => ({
    kind: Kind.SCALAR_TYPE_DEFINITION,
    name: nameNode(name),
  }));
  return { kind: Kind.DOCUMENT, definitions: [FEDERATION_LINK, ...ours, ...definitions] };
}

class Writer {
  readonly #catalog: Catalog;
  readonly #names: BorderNames;
  /** Interfaces that some entity implements. */
  readonly #loose: ReadonlySet<string>;

  constructor(catalog: Catalog, names: BorderNames, loose: ReadonlySet<string>) {
    this.#catalog = catalog;
    this.#names = names;
    this.#loose = loose;
  }

  type(type: ForeignType): DefinitionNode {
    const { description, kept } = type;
    const head = {
      name: nameNode(this.#typeName(type.name)),
      ...(description === undefined ? {} : { description }),
    };
    switch (type.kind) {
      case "object":
        return { ...head, kind: Kind.OBJECT_TYPE_DEFINITION, ...this.#members(type) };
      case "interface":
        return { ...head, kind: Kind.INTERFACE_TYPE_DEFINITION, ...this.#members(type) };
      case "union":
        return {
          ...head,
          kind: Kind.UNION_TYPE_DEFINITION,
          types: [...type.members].map((name) => this.#named(name)),
        };
      case "enum":
        return { ...head, kind: Kind.ENUM_TYPE_DEFINITION, values: [...type.values.values()] };
      case "input":
        return {
          ...head,
          kind: Kind.INPUT_OBJECT_TYPE_DEFINITION,
          directives: kept,
          fields: [...type.inputs.values()].map((input) => this.#input(input)),
        };
      case "scalar":
        return { ...head, kind: Kind.SCALAR_TYPE_DEFINITION, directives: kept };
    }
  }

  #members(type: ForeignType) {
    return {
      directives: this.#directives(type),
      interfaces: [...type.interfaces].map((name) => this.#named(name)),
      fields: [...type.fields.values()].map((field) => this.#field(type, field)),
    };
  }

  #directives(type: ForeignType): ConstDirectiveNode[] {
    if (type.kind !== "object" || this.#isRoot(type)) return [];
    const keys = type.keys.map(({ fields, resolvable }) =>
      written("key", { fields, resolvable: resolvable ? undefined : false }),
    );
    // In the manner of Federation 1, everything that is no entity is shareable, among services of that organization.
    const implied = !this.#catalog.federation2 && keys.length === 0;
    return type.shareable || implied ? [...keys, written("shareable")] : keys;
  }

  #field(type: ForeignType, field: FieldDefinitionNode): FieldDefinitionNode {
    const key = type.keys.some(({ fields }) => fields.split(/[\s{}]+/).includes(field.name.value));
    // Key fields of a shared type are written in our own types already.
    if (key && this.#names.isShared(type.name)) return field;
    const border = this.#isRoot(type) || (type.keys.length > 0 && !key) || this.#loose.has(type.name);
    const inner = this.#typeNode(field.type);
    const name = this.#isRoot(type) ? this.#names.oursOfRootField(field.name.value) : field.name.value;
    return {
      ...field,
      name: nameNode(name),
      type: border && inner.kind === Kind.NON_NULL_TYPE ? inner.type : inner,
      arguments: (field.arguments ?? []).map((argument) => this.#input(argument)),
    };
  }

  #input(input: InputValueDefinitionNode): InputValueDefinitionNode {
    return { ...input, type: this.#typeNode(input.type) };
  }

  #typeNode(type: TypeNode): TypeNode {
    switch (type.kind) {
      case Kind.NAMED_TYPE:
        return this.#named(type.name.value);
      case Kind.LIST_TYPE:
        return { kind: Kind.LIST_TYPE, type: this.#typeNode(type.type) };
      case Kind.NON_NULL_TYPE: {
        const inner = this.#typeNode(type.type);
        return inner.kind === Kind.NON_NULL_TYPE ? inner : { kind: Kind.NON_NULL_TYPE, type: inner };
      }
    }
  }

  #named(name: string): NamedTypeNode {
    return { kind: Kind.NAMED_TYPE, name: nameNode(this.#typeName(name)) };
  }

  #isRoot({ name }: ForeignType): boolean {
    return name === this.#catalog.roots.query || name === this.#catalog.roots.mutation;
  }

  #typeName(name: string): string {
    const { roots } = this.#catalog;
    if (name === roots.query) return "Query";
    return name === roots.mutation ? "Mutation" : this.#names.oursOfType(name);
  }
}

function nameNode(value: string): NameNode {
  return { kind: Kind.NAME, value };
}
