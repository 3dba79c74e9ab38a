// A federation v2 subgraph out of SDL and plain functions, with nothing but graphql-js. The two things that
// federation asks of a service are here in full: `_service` tells the SDL as it was written, `_entities`
// turns references (a type's name and its key fields) into objects. Federation's directives need no
// definition: they are only passed on, so the SDL is taken as valid.

import {
  buildSchema,
  GraphQLError,
  type GraphQLFieldResolver,
  type GraphQLSchema,
  isObjectType,
} from "graphql";

export type Resolvers = Readonly<
  Record<string, Readonly<Record<string, GraphQLFieldResolver<never, unknown>>>>
>;

/** One reference as the gateway sends it: `__typename` and the fields of one key. */
export type Reference = Readonly<Record<string, unknown>>;
/** Per type: the object behind a reference, or undefined when there is none. */
export type Entities = Readonly<Record<string, (reference: Reference) => object | undefined>>;

/** More references in one call than any plan of ours makes; the gateway splits larger ones. */
const REFERENCES_MAX = 10_000;

const federation = (types: readonly string[]): string => `
  scalar _Any
  union _Entity = ${types.join(" | ")}
  type _Service { sdl: String! }
  extend type Query { _service: _Service! _entities(representations: [_Any!]!): [_Entity]! }
`;

export function subgraph(sdl: string, resolvers: Resolvers, entities: Entities): GraphQLSchema {
  const schema = buildSchema(sdl + federation(Object.keys(entities)), { assumeValidSDL: true });
  const all: Resolvers = {
    ...resolvers,
    Query: { ...resolvers["Query"], ...federationFields(sdl, entities) },
  };
  for (const [typeName, fields] of Object.entries(all)) {
    const type = schema.getType(typeName);
    if (!isObjectType(type)) throw new Error(`the SDL has no type ${typeName}`);
    for (const [fieldName, resolve] of Object.entries(fields)) {
      const field = type.getFields()[fieldName];
      if (field === undefined) throw new Error(`the SDL has no field ${typeName}.${fieldName}`);
      field.resolve = resolve as GraphQLFieldResolver<unknown, unknown>;
    }
  }
  return schema;
}

function federationFields(sdl: string, entities: Entities): Resolvers[string] {
  const resolve = (reference: Reference): object | null => {
    const typename = String(reference["__typename"]);
    const find = Object.hasOwn(entities, typename) ? entities[typename] : undefined;
    if (find === undefined) throw new GraphQLError(`${typename} is no entity of this service`);
    const found = find(reference);
    // The name is how graphql-js tells the members of a union apart.
    return found === undefined ? null : { ...found, __typename: typename };
  };
  return {
    _service: () => ({ sdl }),
    _entities: (_parent: unknown, args: { representations?: readonly Reference[] }) => {
      const { representations = [] } = args;
      if (representations.length > REFERENCES_MAX) throw new GraphQLError("too many references");
      return representations.map(resolve);
    },
  };
}
