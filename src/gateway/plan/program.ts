// A program: one GraphQL operation against one graph, fully prepared as plain data. The compose thread makes it (parse,
// limits, validation, plan, generated source); the serving thread turns it into closures once and runs it many times. So
// the serving thread needs neither graphql-js nor the planner. Invariant: a program is structured-cloneable, and its source
// texts hold nothing from the outside but validated GraphQL names and JSON literals.

export interface Program {
  readonly kind: "query" | "mutation";
  /** Absent when nothing has to be fetched: introspection, `__typename`, the empty graph. */
  readonly step?: Step;
  /** Body of a factory: `(runtime) => (data, variables, local, faults) => string | null`. */
  readonly projection: string;
  /** Indices into the graph's services, each once. */
  readonly services: readonly number[];
  readonly variables: readonly VariableShape[];
  readonly inputs: Readonly<Record<string, InputShape>>;
  /** The answer of the single fetch has the shape of the query: its bytes may be forwarded as they are. */
  readonly passThrough: boolean;
  /** Root fields answered here, response key to JSON text; `dynamic` when they depend on variables. */
  readonly local?: LocalFields | "dynamic";
}

export type LocalFields = Readonly<Record<string, string>>;

export type Step =
  | FetchStep
  | EntityStep
  | { readonly kind: "sequence"; readonly steps: readonly Step[] }
  | { readonly kind: "parallel"; readonly steps: readonly Step[] }
  | { readonly kind: "when"; readonly variable: string; readonly then?: Step; readonly otherwise?: Step };

interface Call {
  readonly service: number;
  /** Only queries are ever sent twice. */
  readonly operation: "query" | "mutation";
  /** JSON text up to the variables: `{"query":"…"`. */
  readonly body: string;
  /** Names of the client's variables that the operation uses. */
  readonly variables: readonly string[];
  /** Of a service of another organization: what its answer may hold. */
  readonly shape?: AnswerShape;
}

/** The first node is the answer's `data`; others are named by their place. */
export type AnswerShape = readonly AnswerNode[];

export type AnswerNode =
  | { readonly kind: "object"; readonly fields: readonly AnswerField[] }
  /** Their name of an object type to the node of its fields. */
  | { readonly kind: "abstract"; readonly types: readonly (readonly [theirs: string, node: number])[] };

export interface AnswerField {
  readonly key: string;
  /** How many lists stand around the value. */
  readonly lists: number;
  /** Absent for a leaf. */
  readonly node?: number;
  /** `__typename`, in our names. */
  readonly typename?: string;
}

/** An operation on root fields. With `at` its data is merged into each object there (a field that returns the root type). */
export interface FetchStep extends Call {
  readonly kind: "fetch";
  readonly at: readonly PathSegment[];
  readonly renames: readonly Rename[];
}

/** One `_entities` request; several groups when the planner joined fetches of one service. */
export interface EntityStep extends Call {
  readonly kind: "entities";
  readonly groups: readonly EntityGroup[];
}

export interface EntityGroup {
  /** Response key of its `_entities` field. */
  readonly key: string;
  /** Variable that takes the representations. */
  readonly variable: string;
  readonly paths: readonly (readonly PathSegment[])[];
  /** Body of a factory: `(runtime) => (data, out) => void`, pushes the objects at `paths`. */
  readonly collect: string;
  /** Body of a factory: `(runtime) => (entity, variables) => string | null`, null when a required value is missing. */
  readonly represent: string;
  readonly renames: readonly Rename[];
  /** Fields of each entity, in order, whose text may go into the answer as it is. */
  readonly splice?: readonly string[];
}

/** `items` walks every element of a list, also of nested ones; `types` lets only objects of these types pass. */
export type PathSegment =
  | { readonly field: string }
  | { readonly items: true }
  | { readonly types: readonly string[] };

/** The planner asked for a field under another key, because two types want it with different shapes. */
export interface Rename {
  readonly path: readonly PathSegment[];
  readonly from: string;
  readonly to: string;
}

export interface VariableShape {
  readonly name: string;
  readonly type: TypeShape;
  /** Present when the operation declares a default. */
  readonly fallback?: { readonly value: unknown };
}

export type TypeShape =
  | { readonly kind: "list"; readonly required: boolean; readonly of: TypeShape }
  | { readonly kind: "scalar"; readonly required: boolean; readonly name: string }
  | {
      readonly kind: "enum";
      readonly required: boolean;
      readonly name: string;
      readonly values: readonly string[];
    }
  | { readonly kind: "input"; readonly required: boolean; readonly name: string };

export interface InputShape {
  readonly fields: Readonly<Record<string, { readonly type: TypeShape; readonly optional: boolean }>>;
  readonly oneOf: boolean;
}

export interface RequestFault {
  readonly message: string;
  /** Whose fault it is. */
  readonly service?: string;
  readonly locations?: readonly { readonly line: number; readonly column: number }[];
}

export type Prepared =
  | { readonly ok: true; readonly program: Program }
  | {
      readonly ok: false;
      readonly code: "ERR_QUERY_INVALID" | "ERR_QUERY_LIMIT" | "ERR_QUERY_UNPLANNABLE";
      readonly faults: readonly RequestFault[];
    };
