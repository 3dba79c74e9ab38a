// The planner's plan, turned into the steps of a program: paths normalized, services by index, request bodies prepared up to
// their variables, representation and collection functions written as source. Invariant: a plan node that is not understood
// is refused as unplannable, never half executed.

import type {
  FetchNode,
  FetchNodePathSegment,
  FlattenNodePathSegment,
  InputRewrite,
  OutputRewrite,
  PlanNode,
  RequiresSelection,
} from "@graphql-hive/router-query-planner";
import type { EntityGroup, PathSegment, Rename, Step } from "./program.ts";
import { collectSource, representSource } from "./representation.ts";
import type { BorderCrossing } from "./border.ts";
import type { PossibleTypes } from "./types.ts";

export interface PlanContext {
  readonly possible: PossibleTypes;
  readonly serviceIndex: (name: string) => number;
  /** Of a service of another organization. */
  readonly border: (service: number) => BorderCrossing | undefined;
}

export function compileSteps(node: PlanNode, context: PlanContext, at: readonly PathSegment[] = []): Step {
  switch (node.kind) {
    case "Fetch":
      return fetchStep(node, context, at);
    case "BatchFetch": {
      const groups = node.entityBatch.aliases.map((alias): EntityGroup => {
        const paths = alias.paths.map((path) => [...at, ...flattenPath(path, context.possible)]);
        return {
          key: alias.alias,
          variable: alias.representationsVariableName,
          paths,
          collect: collectSource(paths),
          represent: represent(node, alias.requires, alias.inputRewrites, context),
          renames: renames(alias.outputRewrites, context.possible),
        };
      });
      const own = new Set(groups.map((group) => group.variable));
      return { kind: "entities", ...call(node, context, own), groups };
    }
    case "Sequence":
      return { kind: "sequence", steps: node.nodes.map((child) => compileSteps(child, context, at)) };
    case "Parallel":
      return { kind: "parallel", steps: node.nodes.map((child) => compileSteps(child, context, at)) };
    case "Flatten":
      return compileSteps(node.node, context, [...at, ...flattenPath(node.path, context.possible)]);
    case "Condition":
      return {
        kind: "when",
        variable: node.condition,
        // The addon writes null, not undefined, for a clause that is not there.
        ...(node.ifClause && { then: compileSteps(node.ifClause, context, at) }),
        ...(node.elseClause && { otherwise: compileSteps(node.elseClause, context, at) }),
      };
    default:
      throw new Error(`a plan with a ${node.kind} node is not supported`);
  }
}

function fetchStep(node: FetchNode, context: PlanContext, at: readonly PathSegment[]): Step {
  if (node.requires === undefined) {
    const step = call(node, context, new Set());
    return { kind: "fetch", ...step, at, renames: renames(node.outputRewrites, context.possible) };
  }
  const variable = "representations";
  return {
    kind: "entities",
    ...call(node, context, new Set([variable])),
    groups: [
      {
        key: "_entities",
        variable,
        paths: [at],
        collect: collectSource([at]),
        represent: represent(node, node.requires, node.inputRewrites, context),
        renames: renames(node.outputRewrites, context.possible),
      },
    ],
  };
}

interface CallNode {
  readonly serviceName: string;
  readonly operation: string;
  readonly operationKind?: "query" | "mutation" | "subscription";
  readonly variableUsages?: string[];
}

function call(node: CallNode, context: PlanContext, own: ReadonlySet<string>) {
  const operation = node.operationKind ?? "query";
  if (operation === "subscription") throw new Error("a plan with a subscription is not supported");
  const service = context.serviceIndex(node.serviceName);
  const crossing = context.border(service)?.cross(node.operation);
  return {
    service,
    operation,
    body: `{"query":${JSON.stringify(crossing?.document ?? node.operation)}`,
    variables: (node.variableUsages ?? []).filter((name) => !own.has(name)),
    ...(crossing !== undefined && { shape: crossing.shape }),
  } as const;
}

function represent(
  { serviceName }: CallNode,
  requires: readonly RequiresSelection[],
  rewrites: readonly InputRewrite[] | undefined,
  context: PlanContext,
): string {
  const border = context.border(context.serviceIndex(serviceName));
  return representSource(
    requires,
    rewrites ?? [],
    context.possible,
    border && ((type) => border.typename(type)),
  );
}

function flattenPath(path: readonly FlattenNodePathSegment[], possible: PossibleTypes): PathSegment[] {
  return path.map((segment): PathSegment => {
    if (segment === "@") return { items: true };
    if ("Field" in segment) return { field: segment.Field };
    return { types: [...new Set(segment.TypeCondition.flatMap((name) => possible(name)))] };
  });
}

function renames(rewrites: readonly OutputRewrite[] | undefined, possible: PossibleTypes): Rename[] {
  const result: Rename[] = [];
  for (const rewrite of rewrites ?? []) {
    const renamer =
      "KeyRenamer" in rewrite ? rewrite.KeyRenamer : "renameKeyTo" in rewrite ? rewrite : undefined;
    if (renamer === undefined) continue;
    const { path: full, renameKeyTo } = renamer as { path: FetchNodePathSegment[]; renameKeyTo: string };
    const last = full.at(-1);
    if (last === undefined || !("Key" in last)) throw new Error("a plan renames something that is no key");
    const path = full
      .slice(0, -1)
      .map((segment): PathSegment =>
        "Key" in segment
          ? { field: segment.Key }
          : { types: [...new Set(segment.TypenameEquals.flatMap((name) => possible(name)))] },
      );
    result.push({ path, from: last.Key, to: renameKeyTo });
  }
  return result;
}
