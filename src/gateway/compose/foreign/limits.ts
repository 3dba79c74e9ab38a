// Bounds on a schema of another organization, before anything is made of it: it is hostile input (docs/internals/gateway.md section
// 6). Lower than those of own services, because one peer must not be able to slow the composition of everything else. Invariant:
// what passes is small in every direction that later steps walk, so none of them needs a bound of its own.

import { parse, visit, type DocumentNode } from "graphql";
import { Refusal } from "./refusal.ts";

export const FOREIGN_LIMITS = {
  bytes: 1024 * 1024,
  tokens: 200_000,
  definitions: 2_000,
  /** Fields, arguments, input fields, enum values and members of unions together. */
  fields: 20_000,
  ofOneType: 1_000,
  arguments: 50,
  /** Characters of a name. */
  name: 128,
  /** Characters of a description or a reason; longer ones are cut. */
  text: 1_000,
  /** Lists in lists, and values in default values. */
  depth: 8,
} as const;

/** Parses within the limits. Throws `Refusal`. */
export function parseForeign(sdl: string): DocumentNode {
  const { bytes, tokens } = FOREIGN_LIMITS;
  if (Buffer.byteLength(sdl) > bytes) throw tooLarge(`it is larger than ${bytes} bytes`);
  let document: DocumentNode;
  try {
    document = parse(sdl, { noLocation: true, maxTokens: tokens });
  } catch (error) {
    const text = error instanceof Error ? error.message.slice(0, 300) : "unreadable";
    if (/tokens\. Parsing aborted/.test(text)) throw tooLarge(`it has more than ${tokens} tokens`);
    // A parser that runs out of stack met nesting that no schema has.
    throw new Refusal("ERR_SCHEMA_INVALID", `it does not parse: ${text}`);
  }
  checkSize(document);
  return document;
}

function checkSize(document: DocumentNode): void {
  const { definitions, fields, name, depth } = FOREIGN_LIMITS;
  if (document.definitions.length > definitions)
    throw tooLarge(`it has more than ${definitions} definitions`);
  let all = 0;
  let nesting = 0;
  const count = () => {
    all += 1;
    if (all > fields) throw tooLarge(`it has more than ${fields} fields, arguments and values`);
  };
  const deeper = {
    enter: () => {
      nesting += 1;
      if (nesting > depth) throw tooLarge(`it nests lists or values deeper than ${depth} levels`);
    },
    leave: () => void (nesting -= 1),
  };
  visit(document, {
    Name: ({ value }) => {
      if (value.length > name) throw tooLarge(`it has a name longer than ${name} characters`);
    },
    FieldDefinition: (node) => {
      count();
      few(node.arguments, "arguments", FOREIGN_LIMITS.arguments);
    },
    InputValueDefinition: count,
    EnumValueDefinition: count,
    ObjectTypeDefinition: fewInside,
    ObjectTypeExtension: fewInside,
    InterfaceTypeDefinition: fewInside,
    InterfaceTypeExtension: fewInside,
    UnionTypeDefinition: fewInside,
    UnionTypeExtension: fewInside,
    EnumTypeDefinition: fewInside,
    InputObjectTypeDefinition: fewInside,
    ListType: deeper,
    ListValue: deeper,
    ObjectValue: deeper,
  });
}

interface Parts {
  readonly fields?: readonly unknown[] | undefined;
  readonly interfaces?: readonly unknown[] | undefined;
  readonly types?: readonly unknown[] | undefined;
  readonly values?: readonly unknown[] | undefined;
  readonly directives?: readonly unknown[] | undefined;
}

function fewInside(node: object): void {
  const { fields, interfaces, types, values, directives } = node as Parts;
  const { ofOneType } = FOREIGN_LIMITS;
  few(fields, "fields in one type", ofOneType);
  few(interfaces, "interfaces of one type", 50);
  few(types, "members of one union", ofOneType);
  few(values, "values of one enum", ofOneType);
  few(directives, "directives on one type", 100);
}

function few(list: readonly unknown[] | undefined, what: string, most: number): void {
  if (list !== undefined && list.length > most) throw tooLarge(`it has more than ${most} ${what}`);
}

const tooLarge = (text: string): Refusal => new Refusal("ERR_SCHEMA_TOO_LARGE", text);
