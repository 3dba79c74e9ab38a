// From a document's text to a program: parse, limits, validation, split, plan, source. Runs in the compose thread; whatever a
// document does to the parser, the validator or the planner, the serving thread goes on. Invariant: nothing is planned that
// was not validated against the API schema, so hidden fields cannot be reached.

import {
  buildASTSchema,
  execute,
  GraphQLError,
  parse,
  print,
  validate,
  visit,
  type DocumentNode,
  type FieldNode,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from "graphql";
import type { Departed } from "../compose/departed.ts";
import { BorderCrossing, type Border } from "./border.ts";
import { overLimit, fragmentsOf, type DocumentLimits } from "./limits.ts";
import { passesThrough } from "./pass-through.ts";
import type { LocalFields, Prepared, Program, RequestFault, Step } from "./program.ts";
import { projection } from "./projection.ts";
import { markSplices } from "./splice.ts";
import { localIndex, SectionPlanner, type SectionText } from "./section.ts";
import { type Piece, split } from "./split.ts";
import { compileSteps } from "./steps.ts";
import { variableShapes } from "./variables.ts";

/** A composed graph as text; small enough to be sent to a new thread. */
export interface GraphText {
  /** None in the empty graph. */
  readonly sections: readonly SectionText[];
  readonly api: string;
  readonly services: readonly string[];
  /** Of the services of other organizations, by index; absent when there is none. */
  readonly borders?: Readonly<Record<number, Border>>;
  /** Fields of services that left the graph. */
  readonly departed?: Departed;
}

export interface PrepareLimits extends DocumentLimits {
  readonly introspection: boolean;
}

const ERRORS_MAX = 10;

export class Graph {
  readonly text: GraphText;
  readonly schema: GraphQLSchema;
  /** By supergraph. */
  readonly #planners: ReadonlyMap<string, SectionPlanner>;
  /** Of root fields, as "Query.field". */
  readonly #sections: ReadonlyMap<string, number>;
  /** Nothing is hidden from clients, so answers of services may be forwarded unread. */
  readonly #open: boolean;
  readonly #empty: boolean;
  readonly #borders: ReadonlyMap<number, BorderCrossing>;

  /** What `before` has planners for is not made again. */
  constructor(text: GraphText, before?: Graph) {
    const { sections } = text;
    this.text = text;
    this.#empty = sections.length === 0;
    const known = before === undefined ? undefined : before.#planners;
    this.#planners = new Map(
      sections.map(({ supergraph }) => [
        supergraph,
        known?.get(supergraph) ?? new SectionPlanner(supergraph),
      ]),
    );
    this.#sections = new Map(
      sections.flatMap(({ fields }, index) => fields.map((field) => [field, index] as const)),
    );
    this.schema = buildASTSchema(parse(text.api), { assumeValidSDL: true });
    const borders = Object.entries(text.borders ?? {});
    this.#borders = new Map(borders.map(([index, border]) => [Number(index), new BorderCrossing(border)]));
    this.#open = [...this.#planners.values()].every(({ open }) => open);
  }

  /** Makes every planner now; throws when one does not take its supergraph. */
  ready(): this {
    for (const planner of this.#planners.values()) planner.ready();
    return this;
  }

  prepare(document: string, operationName: string | undefined, limits: PrepareLimits): Prepared {
    let parsed: DocumentNode;
    try {
      parsed = parse(document, { maxTokens: limits.tokens });
    } catch (error) {
      if (!(error instanceof GraphQLError)) return invalid("the document is nested too deeply");
      const over = /tokens\. Parsing aborted/.test(error.message);
      return refused(over ? "ERR_QUERY_LIMIT" : "ERR_QUERY_INVALID", [fault(error)]);
    }
    const operation = chooseOperation(parsed, operationName);
    if (typeof operation === "string") return invalid(operation);
    const over = overLimit(parsed, operation, limits);
    if (over !== undefined) return refused("ERR_QUERY_LIMIT", [{ message: over }]);
    const problems = this.#validate(parsed, operation, limits);
    if (problems.length > 0) return refused("ERR_QUERY_INVALID", problems);
    if (operation.operation === "subscription") {
      return invalid("subscriptions are not supported yet", operation);
    }
    return this.#plan(parsed, operation, operation.operation);
  }

  /** The local root fields of an operation whose introspection depends on variables. */
  local(
    document: string,
    operationName: string | undefined,
    variables: Readonly<Record<string, unknown>>,
  ): LocalFields {
    const parsed = parse(document);
    const operation = chooseOperation(parsed, operationName);
    if (typeof operation === "string") return {};
    const { local } = split(parsed, operation, this.#isLocal, () => 0);
    return local === undefined ? {} : this.#answerLocal(local, variables);
  }

  #isLocal = (field: string): boolean =>
    field === "__schema" || field === "__type" || (this.#empty && field === "_catalyst");

  #validate(
    document: DocumentNode,
    operation: OperationDefinitionNode,
    limits: PrepareLimits,
  ): readonly RequestFault[] {
    const problems = validate(this.schema, document, undefined, { maxErrors: ERRORS_MAX }).map((error) =>
      this.#named(fault(error)),
    );
    if (problems.length > 0) return problems;
    visit(document, {
      // As a key of a plain object this name would set its prototype.
      Name(node) {
        if (node.value === "__proto__") problems.push({ message: `the name "__proto__" is not allowed` });
      },
      Field(node) {
        const name = node.name.value;
        if (limits.introspection || (name !== "__schema" && name !== "__type")) return;
        problems.push({ message: "introspection is switched off" });
      },
    });
    return operation.operation === "subscription" ? [] : problems.slice(0, ERRORS_MAX);
  }

  /** Says whose the field was, when its service left the graph. */
  #named(problem: RequestFault): RequestFault {
    const { departed } = this.text;
    if (departed === undefined) return problem;
    const [, field, type] = /^Cannot query field "(\w+)" on type "(\w+)"/.exec(problem.message) ?? [];
    const place = `${type}.${field}`;
    const service = Object.hasOwn(departed, place) ? departed[place] : undefined;
    if (service === undefined) return problem;
    const message = `Cannot query field "${field}" on type "${type}": it is of ${service}, which left the graph.`;
    return { ...problem, message, service };
  }

  #plan(document: DocumentNode, operation: OperationDefinitionNode, kind: "query" | "mutation"): Prepared {
    const root = kind === "query" ? this.schema.getQueryType() : this.schema.getMutationType();
    if (root === undefined || root === null) return invalid(`the graph has no ${kind}`);
    const isLocal = kind === "query" ? this.#isLocal : () => false;
    const sectionOf = (field: string): number => this.#sections.get(`${root.name}.${field}`) ?? 0;
    const { local, remote } = split(document, operation, isLocal, sectionOf);
    let planned: Step[];
    try {
      planned = remote.flatMap((piece) => this.#step(piece, operation.name?.value) ?? []);
    } catch (error) {
      return refused("ERR_QUERY_UNPLANNABLE", [{ message: planFault(error) }]);
    }
    const fragments = fragmentsOf(document);
    const set = operation.selectionSet;
    // No piece looks into what another one brought, so each may end in text.
    const marked = this.#open
      ? planned.map((one) => markSplices(this.schema, root, set, fragments, one))
      : planned.map((step) => ({ step, nodes: new Set<FieldNode>() }));
    const step = together(
      kind,
      marked.map((one) => one.step),
    );
    const texts = new Set(marked.flatMap(({ nodes }) => [...nodes]));
    const answersLocal =
      local === undefined ? undefined : usesVariables(local) ? "dynamic" : this.#answerLocal(local, {});
    const program: Program = {
      kind,
      ...(step !== undefined && { step }),
      projection: projection(this.schema, root, set, fragments, isLocal, texts),
      services: step === undefined ? [] : [...servicesOf(step)].toSorted((a, b) => a - b),
      ...variableShapes(this.schema, operation),
      passThrough:
        this.#open &&
        step !== undefined &&
        local === undefined &&
        passesThrough(this.schema, root, set, fragments, step),
      ...(answersLocal !== undefined && { local: answersLocal }),
    };
    return { ok: true, program };
  }

  #step({ section, document }: Piece, operationName: string | undefined): Step | undefined {
    const text = this.text.sections[section];
    const planner = text && this.#planners.get(text.supergraph);
    const plan = planner?.plan(print(document), operationName);
    if (text === undefined || planner === undefined || !plan) return undefined;
    return compileSteps(plan, {
      possible: planner.possible,
      serviceIndex: (id) => text.services[localIndex(id)] ?? -1,
      border: (service) => this.#borders.get(service),
    });
  }

  #answerLocal(document: DocumentNode, variables: Readonly<Record<string, unknown>>): LocalFields {
    const rootValue = { _catalyst: "the graph has no services yet" };
    const result = execute({ schema: this.schema, document, rootValue, variableValues: variables });
    const fields: Record<string, string> = {};
    if (!(result instanceof Promise)) {
      for (const [key, value] of Object.entries(result.data ?? {})) fields[key] = JSON.stringify(value);
    }
    return fields;
  }
}

function chooseOperation(document: DocumentNode, name: string | undefined): OperationDefinitionNode | string {
  const operations = document.definitions.filter((definition) => definition.kind === "OperationDefinition");
  if (name !== undefined) {
    const named = operations.find((operation) => operation.name?.value === name);
    return named ?? "the document has no operation of the given name";
  }
  const [first, second] = operations;
  if (first === undefined) return "the document has no operation";
  return second === undefined ? first : "the document has several operations: operationName must say which";
}

/** Of pieces that know nothing of each other; mutations keep their order. */
function together(kind: "query" | "mutation", steps: readonly Step[]): Step | undefined {
  if (steps.length < 2) return steps[0];
  return { kind: kind === "query" ? "parallel" : "sequence", steps };
}

export function servicesOf(step: Step, into = new Set<number>()): Set<number> {
  switch (step.kind) {
    case "fetch":
    case "entities":
      return into.add(step.service);
    case "sequence":
    case "parallel":
      for (const child of step.steps) servicesOf(child, into);
      return into;
    case "when":
      if (step.then !== undefined) servicesOf(step.then, into);
      if (step.otherwise !== undefined) servicesOf(step.otherwise, into);
      return into;
  }
}

function usesVariables(document: DocumentNode): boolean {
  let used = false;
  visit(document, { Variable: () => void (used = true) });
  return used;
}

/** The planner's text names fields and types of the graph, nothing of the machine. */
function planFault(error: unknown): string {
  const text = error instanceof Error ? error.message : "the planner failed";
  return `no plan for this operation: ${text.slice(0, 500)}`;
}

const refused = (
  code: "ERR_QUERY_INVALID" | "ERR_QUERY_LIMIT" | "ERR_QUERY_UNPLANNABLE",
  faults: readonly RequestFault[],
): Prepared => ({ ok: false, code, faults });

const invalid = (message: string, node?: OperationDefinitionNode): Prepared =>
  refused("ERR_QUERY_INVALID", [
    node === undefined ? { message } : fault(new GraphQLError(message, { nodes: node })),
  ]);

function fault(error: GraphQLError): RequestFault {
  const message = error.message.slice(0, 1_000);
  return error.locations === undefined
    ? { message }
    : { message, locations: error.locations.map(({ line, column }) => ({ line, column })) };
}
