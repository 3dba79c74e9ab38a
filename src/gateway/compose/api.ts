// The API schema of sections that share nothing, joined: all types, and root types with the fields of all. Text is cut once for each
// section, when it is composed, so that joining takes no time to speak of. Invariant: the text is the schema that the composer gives
// for all services at once, but for the order of its definitions.

import { Kind, parse, print, type ObjectTypeDefinitionNode } from "graphql";

export interface ApiPiece {
  /** Kind and name to text; sections may both bring a directive that the composer defines itself. */
  readonly definitions: ReadonlyMap<string, string>;
  readonly roots: ReadonlyMap<string, RootPiece>;
}

interface RootPiece {
  /** What stands before the fields. */
  readonly head: string;
  readonly fields: string;
}

const ROOTS = ["Query", "Mutation", "Subscription"];

export function pieceOf(api: string): ApiPiece {
  const definitions = new Map<string, string>();
  const roots = new Map<string, RootPiece>();
  for (const definition of parse(api, { noLocation: true }).definitions) {
    if (definition.kind === "ObjectTypeDefinition" && ROOTS.includes(definition.name.value))
      roots.set(definition.name.value, rootPiece(definition));
    else {
      const name = "name" in definition ? definition.name?.value : undefined;
      definitions.set(`${definition.kind} ${name ?? ""}`, print(definition));
    }
  }
  return { definitions, roots };
}

function rootPiece(root: ObjectTypeDefinitionNode): RootPiece {
  const bare = print({ kind: Kind.OBJECT_TYPE_DEFINITION, name: root.name, fields: root.fields ?? [] });
  return {
    head: print({ ...root, fields: [] }),
    fields: bare.slice(bare.indexOf("{") + 2, bare.lastIndexOf("}")),
  };
}

export function joinApis(pieces: readonly ApiPiece[]): string {
  const definitions = new Map<string, string>();
  for (const piece of pieces) for (const [key, text] of piece.definitions) definitions.set(key, text);
  const roots = ROOTS.flatMap((name) => {
    const parts = pieces.flatMap((piece) => piece.roots.get(name) ?? []);
    if (parts.length === 0) return [];
    // The first service that describes the root type does so for all.
    const plain = `type ${name}`;
    const head = parts.find((part) => part.head !== plain)?.head ?? plain;
    return [`${head} {\n${parts.map(({ fields }) => fields).join("")}}`];
  });
  return [...roots, ...definitions.values()].join("\n\n");
}
