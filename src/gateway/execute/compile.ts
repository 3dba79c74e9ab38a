// Turns a program into closures, once per document and graph. Each step is a function from a run to the promise of its end;
// nothing is looked up or decided per request that is known from the plan. A step never rejects: what goes wrong is noted in
// the run, its part of the tree stays null, and the other branches finish. Follows the semantics of Federation's query plans.

import { isAscii } from "node:buffer";
import type {
  EntityGroup,
  EntityStep,
  FetchStep,
  InputShape,
  LocalFields,
  Program,
  Step,
  VariableShape,
} from "../plan/program.ts";
import { compileShape, type Admit } from "./border.ts";
import type { Variables } from "./coerce.ts";
import {
  applyRenames,
  clone,
  isObject,
  mergeInto,
  placesOf,
  type Json,
  type JsonObject,
  type ResponsePath,
} from "./merge.ts";
import type { Run } from "./run.ts";
import { link } from "./runtime.ts";
import { compileSplice } from "./splice.ts";
import type { Sent } from "./upstream.ts";

export type StepFn = (run: Run) => Promise<void>;
export type Project = (data: JsonObject, variables: Variables, local: LocalFields) => string | null;

export interface Operation {
  readonly kind: "query" | "mutation";
  readonly services: readonly number[];
  readonly variables: readonly VariableShape[];
  readonly inputs: Readonly<Record<string, InputShape>>;
  readonly step: StepFn | undefined;
  readonly project: Project;
  readonly local: LocalFields | "dynamic" | undefined;
  readonly passThrough: PassThrough | undefined;
}

/** The single fetch, to be sent by itself and, when its bytes are not forwarded, absorbed like any other. */
export interface PassThrough {
  readonly service: number;
  readonly operation: "query" | "mutation";
  readonly body: (variables: Variables) => Buffer | string;
  readonly absorb: (run: Run, sent: Sent) => void;
}

export function compileProgram(program: Program): Operation {
  const { step, passThrough } = program;
  const absorbs = step?.kind === "fetch" ? admitOf(step) : undefined;
  return {
    kind: program.kind,
    services: program.services,
    variables: program.variables,
    inputs: program.inputs,
    step: step === undefined ? undefined : compileStep(step),
    project: link<Project>(program.projection),
    local: program.local,
    passThrough:
      passThrough && step?.kind === "fetch"
        ? {
            service: step.service,
            operation: step.operation,
            body: bodyOf(step),
            absorb: (run, sent) => absorbRoot(run, sent, step, absorbs),
          }
        : undefined,
  };
}

function compileStep(step: Step): StepFn {
  switch (step.kind) {
    case "fetch":
      return compileFetch(step);
    case "entities":
      return compileEntities(step);
    case "sequence": {
      const steps = step.steps.map(compileStep);
      return async (run) => {
        for (const next of steps) await next(run);
      };
    }
    case "parallel": {
      const steps = step.steps.map(compileStep);
      return async (run) => {
        await Promise.all(steps.map((next) => next(run)));
      };
    }
    case "when": {
      const { variable } = step;
      const then = step.then === undefined ? nothing : compileStep(step.then);
      const otherwise = step.otherwise === undefined ? nothing : compileStep(step.otherwise);
      return (run) => (run.variables[variable] === true ? then(run) : otherwise(run));
    }
  }
}

const nothing: StepFn = () => Promise.resolve();

function compileFetch(step: FetchStep): StepFn {
  const { service, operation } = step;
  const body = bodyOf(step);
  const admit = admitOf(step);
  return async (run) => {
    const upstream = run.upstreams[service];
    if (upstream === undefined) return;
    absorbRoot(run, await upstream.send(body(run.variables), operation, run), step, admit);
  };
}

function admitOf({ shape }: FetchStep | EntityStep): Admit | undefined {
  return shape === undefined ? undefined : compileShape(shape);
}

function absorbRoot(run: Run, sent: Sent, step: FetchStep, admit: Admit | undefined): void {
  const upstream = run.upstreams[step.service];
  if (upstream === undefined) return;
  if (!sent.ok) return run.fail(sent.code, upstream);
  const answer = run.parse(sent.bytes, sent.status, upstream, admit);
  if (answer === undefined) return;
  if (step.at.length > 0) return absorbAt(run, step, answer.data);
  if (answer.errors !== undefined) run.noteErrors(answer.errors, upstream, (path) => path);
  if (answer.data === undefined) return;
  if (step.renames.length > 0) applyRenames(answer.data, step.renames);
  if (run.data === undefined) run.data = answer.data;
  else mergeInto(run.data, answer.data);
}

/** Root fields below a field that returns the root type. */
function absorbAt(run: Run, step: FetchStep, data: JsonObject | undefined): void {
  if (data === undefined || run.data === undefined) return;
  applyRenames(data, step.renames);
  for (const target of placesOf(run.data, [step.at]).keys()) mergeInto(target, clone(data) as JsonObject);
}

interface Group {
  readonly key: string;
  /** `"variable":[` */
  readonly lead: string;
  readonly collect: (data: JsonObject, out: JsonObject[]) => void;
  readonly represent: (entity: JsonObject, variables: Variables) => string | null;
  readonly plan: EntityGroup;
}

/** Objects that wait for one representation's answer. */
interface Wanted {
  readonly text: string;
  /** Index into the list of representations to its objects. */
  readonly targets: JsonObject[][];
}

function compileEntities(step: EntityStep): StepFn {
  const { service, operation, body, variables: names } = step;
  const groups = step.groups.map((plan): Group => ({
    key: plan.key,
    lead: `${JSON.stringify(plan.variable)}:[`,
    collect: link<Group["collect"]>(plan.collect),
    represent: link<Group["represent"]>(plan.represent),
    plan,
  }));
  const prefix = `${body},"variables":{`;
  const keys = step.groups[0]?.splice;
  const splicer = keys === undefined ? undefined : compileSplice(keys);
  const admit = admitOf(step);
  return async (run) => {
    const upstream = run.upstreams[service];
    const { data, variables } = run;
    if (upstream === undefined || data === undefined) return;
    const wanted: Wanted[] = [];
    let text = prefix;
    let separator = "";
    let count = 0;
    for (const group of groups) {
      const own = represent(group, data, variables);
      wanted.push(own);
      count += own.targets.length;
      text += `${separator}${group.lead}${own.text}]`;
      separator = ",";
    }
    // Every object lacked a required value, or none was there.
    if (count === 0) return;
    for (const name of names) {
      const value = variables[name];
      if (value !== undefined) text += `,${JSON.stringify(name)}:${JSON.stringify(value)}`;
    }
    const sent = await upstream.send(`${text}}}`, operation, run);
    if (!sent.ok) return run.fail(sent.code, upstream);
    if (splicer !== undefined && !upstream.foreign && sent.status === 200 && wanted[0] !== undefined) {
      const ascii = isAscii(sent.bytes);
      if (splicer(sent.bytes, ascii, wanted[0].targets)) return run.took(sent.bytes.length, ascii);
    }
    const answer = run.parse(sent.bytes, sent.status, upstream, admit);
    if (answer === undefined) return;
    if (answer.errors !== undefined) run.noteErrors(answer.errors, upstream, placer(data, groups, wanted));
    for (let index = 0; index < groups.length; index++) {
      const group = groups[index];
      const own = wanted[index];
      const entities = group === undefined ? undefined : answer.data?.[group.key];
      if (group !== undefined && own !== undefined && Array.isArray(entities))
        deliver(group, own, entities, admit !== undefined);
    }
  };
}

function represent(group: Group, data: JsonObject, variables: Variables): Wanted {
  const objects: JsonObject[] = [];
  group.collect(data, objects);
  const seen = new Map<string, JsonObject[]>();
  const targets: JsonObject[][] = [];
  let text = "";
  for (const object of objects) {
    const representation = group.represent(object, variables);
    if (representation === null) continue;
    const known = seen.get(representation);
    if (known !== undefined) {
      known.push(object);
      continue;
    }
    const list = [object];
    seen.set(representation, list);
    text += targets.length === 0 ? representation : `,${representation}`;
    targets.push(list);
  }
  return { text, targets };
}

function deliver(group: Group, { targets }: Wanted, entities: readonly Json[], foreign: boolean): void {
  const { renames } = group.plan;
  for (let index = 0; index < targets.length; index++) {
    const entity = entities[index];
    const objects = targets[index];
    if (!isObject(entity) || objects === undefined) continue;
    if (foreign && !isOfType(entity, objects[0])) continue;
    if (renames.length > 0) applyRenames(entity, renames);
    // The first target takes the values as they are; so the copies for the others must be made before.
    for (let other = 1; other < objects.length; other++) {
      const target = objects[other];
      if (target !== undefined && target !== objects[0]) mergeInto(target, clone(entity) as JsonObject);
    }
    const first = objects[0];
    if (first !== undefined) mergeInto(first, entity);
  }
}

/** Another organization may not answer with another kind of entity than the one it was asked for. */
function isOfType({ __typename: answered }: JsonObject, asked: JsonObject | undefined): boolean {
  const wanted = asked?.["__typename"];
  return typeof answered !== "string" || typeof wanted !== "string" || answered === wanted;
}

/** `["_entities", 3, "name"]` to the place of the third representation's first object. */
function placer(
  data: JsonObject,
  groups: readonly Group[],
  wanted: readonly Wanted[],
): (path: ResponsePath) => ResponsePath | undefined {
  const places = placesOf(
    data,
    groups.flatMap((group) => group.plan.paths),
  );
  return ([key, index, ...rest]) => {
    const group = groups.findIndex((candidate) => candidate.key === key);
    const target = typeof index === "number" ? wanted[group]?.targets[index]?.[0] : undefined;
    const place = target === undefined ? undefined : places.get(target);
    return place === undefined ? undefined : [...place, ...rest];
  };
}

/** Constant bytes where the operation has no variables. */
function bodyOf(step: FetchStep): (variables: Variables) => Buffer | string {
  const { body, variables: names } = step;
  if (names.length === 0) {
    const constant = Buffer.from(`${body}}`);
    return () => constant;
  }
  const leads = names.map((name) => [name, `${JSON.stringify(name)}:`] as const);
  return (variables) => {
    let text = `${body},"variables":{`;
    let separator = "";
    for (const [name, lead] of leads) {
      const value = variables[name];
      if (value === undefined) continue;
      text += `${separator}${lead}${JSON.stringify(value)}`;
      separator = ",";
    }
    return `${text}}}`;
  };
}
