// Directives of a schema under the names that federation gives them: `@link` may import them under others, or leave them behind
// the namespace `federation__`. Reading and writing of single directives is here too. Invariant: a directive that is not known
// by its canonical name means nothing to us.

import { Kind, type ConstDirectiveNode, type DefinitionNode, type DocumentNode } from "graphql";

/** Before federation 2 there was no `@link`, and these names were fixed. */
const FIRST = ["key", "external", "requires", "provides", "extends"];
const FEDERATION = /^https:\/\/specs\.apollo\.dev\/federation\//;
/** What GraphQL itself defines, whatever is imported. */
const OWN: ReadonlySet<string> = new Set(["deprecated", "specifiedBy", "oneOf"]);

export interface DirectiveAliases {
  /** Name in this schema to canonical name. */
  readonly aliases: ReadonlyMap<string, string>;
  readonly federation2: boolean;
}

export function directiveAliases(document: DocumentNode): DirectiveAliases {
  const aliases = new Map<string, string>();
  let federation2 = false;
  for (const definition of document.definitions) {
    for (const directive of linksOf(definition)) {
      if (!FEDERATION.test(stringArgument(directive, "url") ?? "")) continue;
      federation2 = true;
      const imported = directive.arguments?.find(({ name }) => name.value === "import")?.value;
      if (imported?.kind !== Kind.LIST) continue;
      for (const item of imported.values) {
        if (item.kind === Kind.STRING) aliases.set(item.value.slice(1), item.value.slice(1));
        if (item.kind !== Kind.OBJECT) continue;
        const part = (key: string): string | undefined => {
          const value = item.fields.find(({ name }) => name.value === key)?.value;
          return value?.kind === Kind.STRING ? value.value.slice(1) : undefined;
        };
        const name = part("name");
        if (name !== undefined) aliases.set(part("as") ?? name, name);
      }
    }
  }
  if (!federation2) for (const name of FIRST) aliases.set(name, name);
  return { aliases, federation2 };
}

function linksOf(definition: DefinitionNode): readonly ConstDirectiveNode[] {
  if (definition.kind !== "SchemaDefinition" && definition.kind !== "SchemaExtension") return [];
  return (definition.directives ?? []).filter(({ name }) => name.value === "link");
}

/** "" for one that means nothing here. */
export function canonical(name: string, aliases: ReadonlyMap<string, string>): string {
  if (OWN.has(name)) return name;
  return aliases.get(name) ?? (name.startsWith("federation__") ? name.slice("federation__".length) : "");
}

export function stringArgument(directive: ConstDirectiveNode, argument: string): string | undefined {
  const value = directive.arguments?.find(({ name }) => name.value === argument)?.value;
  return value?.kind === Kind.STRING ? value.value : undefined;
}

/** A directive of our own words; arguments that are undefined are left out. */
export function written(
  name: string,
  given: Readonly<Record<string, string | boolean | undefined>> = {},
): ConstDirectiveNode {
  return {
    kind: Kind.DIRECTIVE,
    name: { kind: Kind.NAME, value: name },
    arguments: Object.entries(given).flatMap(([key, value]) =>
      value === undefined
        ? []
        : [
            {
              kind: Kind.ARGUMENT,
              name: { kind: Kind.NAME, value: key },
              value: typeof value === "string" ? { kind: Kind.STRING, value } : { kind: Kind.BOOLEAN, value },
            } as const,
          ],
    ),
  };
}
