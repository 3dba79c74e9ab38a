// What the validator found, in words for people: each issue becomes a problem with the place of the value it is about and the
// nearest valid key or value. A secret's value is never repeated.

import type { z } from "zod";
import { OPTIONS } from "./flags.generated.ts";
import { ROOT } from "./flags.ts";
import { nearest } from "./nearest.ts";
import type { Problem } from "./problems.ts";
import { type Path, type Shape, fieldsOf, isObject, pathText, shapeAt } from "./shape.ts";
import { type Tree, originAt, plain, treeAt } from "./tree.ts";

type Issue = z.core.$ZodIssue;

export function explain(issues: readonly Issue[], tree: Tree): Problem[] {
  return issues.flatMap((issue) => problemsOf(issue, tree, []));
}

const stepsOf = (issue: Issue): Path =>
  issue.path.map((step) => (typeof step === "number" ? step : String(step)));

function problemsOf(issue: Issue, tree: Tree, base: Path): Problem[] {
  const path = [...base, ...stepsOf(issue)];
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownKey(tree, path, key));
  if (issue.code === "invalid_union") return branchProblems(issue, tree, path);
  if (issue.code === "invalid_key") {
    const origin = treeAt(tree, path)?.keyOrigin ?? originAt(tree, path);
    return [{ origin, key: pathText(path), reason: "is not a valid key here" }];
  }
  const found = treeAt(tree, path);
  const value = found === undefined ? undefined : plain(found);
  const secret = isSecret(path);
  const meant =
    issue.code === "invalid_value" && typeof value === "string" ? nearestValue(issue, value) : undefined;
  const reason = secret && typeof value === "string" ? SECRET : reasonOf(issue, value);
  return [
    { origin: originAt(tree, path), key: pathText(path), reason, ...(meant === undefined ? {} : { meant }) },
  ];
}

const SECRET =
  'a secret must be given as {"file": PATH} or {"env": NAME}, never by its value: take what stands here as exposed';

function unknownKey(tree: Tree, path: Path, key: string): Problem {
  const inner = [...path, key];
  const origin = treeAt(tree, inner)?.keyOrigin ?? originAt(tree, inner);
  const siblings = Object.keys(fieldsOf(shapeAt(ROOT, path)));
  const near = nearest(key, siblings);
  // A key at the wrong place: one of that name is known elsewhere.
  const elsewhere = OPTIONS.find((each) => each.key.split(".").at(-1) === key)?.key;
  const meant = near === undefined ? elsewhere : pathText([...path, near]);
  return {
    origin,
    key: pathText(inner),
    reason: "is not a known key",
    ...(meant === undefined ? {} : { meant }),
  };
}

/** Of either/or objects, the problems of the one that was meant: the fewest, unknown keys counting most. */
function branchProblems(issue: Issue & { code: "invalid_union" }, tree: Tree, path: Path): Problem[] {
  const found = treeAt(tree, path);
  const value = found === undefined ? undefined : plain(found);
  const shape = shapeAt(ROOT, path);
  if (!isObject(value) || Object.keys(value).length === 0) {
    const reason =
      typeof value === "string" && isSecret(path) ? SECRET : `must be ${formOf(shape)}${butIs(value)}`;
    return [{ origin: originAt(tree, path), key: pathText(path), reason }];
  }
  const branches = shape?.type === "either" ? shape.of : [];
  const whole = branches.find((each) =>
    Object.keys(value).every((key) => Object.hasOwn(fieldsOf(each), key)),
  );
  const known = branches.some((each) => Object.keys(value).some((key) => Object.hasOwn(fieldsOf(each), key)));
  if (
    known &&
    whole === undefined &&
    Object.keys(value).every((key) => Object.hasOwn(fieldsOf(shape), key))
  ) {
    return [
      { origin: originAt(tree, path), key: pathText(path), reason: `must be ${formOf(shape)}, not both` },
    ];
  }
  const weigh = (issues: readonly Issue[]): number =>
    issues.reduce((sum, each) => sum + (each.code === "unrecognized_keys" ? 10 * each.keys.length : 1), 0);
  const [least = []] = issue.errors.toSorted((a, b) => weigh(a) - weigh(b));
  return least.flatMap((each) => problemsOf(each, tree, path));
}

/** `{"file": …} or {"url": …, "issuer": …}` */
function formOf(shape: Shape | undefined): string {
  const branches = shape?.type === "either" ? shape.of : shape === undefined ? [] : [shape];
  const forms = branches.map((each) => {
    const fields = Object.entries(fieldsOf(each)).filter(([, field]) => field.required === true);
    return `{${fields.map(([key]) => `"${key}": …`).join(", ")}}`;
  });
  return forms.length === 0 ? "of another form" : forms.join(" or ");
}

const isSecret = (path: Path): boolean =>
  OPTIONS.some(
    (each) => each.secret === true && each.key.split(".").every((step, index) => path[index] === step),
  );

function nearestValue(issue: Issue & { code: "invalid_value" }, value: string): string | undefined {
  return nearest(
    value,
    issue.values.map((each) => String(each)),
  );
}

/** What something is, as a person would say it; long texts are cut, and who logs in with an address is nobody's business. */
function butIs(value: unknown): string {
  if (value === undefined) return "";
  if (value === null || typeof value === "boolean" || typeof value === "number")
    return `, is ${String(value)}`;
  if (typeof value === "string") {
    const shown = value.replace(/\/\/\S*@/, "//...@");
    return `, is ${JSON.stringify(shown.length > 60 ? `${shown.slice(0, 57)}...` : shown)}`;
  }
  return Array.isArray(value) ? ", is a list" : ", is an object";
}

const KINDS: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
  record: "an object",
};

function reasonOf(issue: Issue, value: unknown): string {
  if (value === undefined && issue.code === "invalid_type") return "is missing";
  switch (issue.code) {
    case "invalid_type":
      return `must be ${KINDS[issue.expected] ?? issue.expected}${butIs(value)}`;
    case "invalid_value":
      return value === undefined ? "is missing" : `must be ${oneOf(issue.values)}${butIs(value)}`;
    case "too_small":
      return sizeReason("at least", Number(issue.minimum), issue.origin, value);
    case "too_big":
      return sizeReason("at most", Number(issue.maximum), issue.origin, value);
    case "invalid_format":
      return issue.format === "regex"
        ? `${issue.message}${butIs(value)}`
        : `${FORMATS[issue.format] ?? issue.message}${butIs(value)}`;
    default:
      return issue.path.length > 0 && !isObject(value) ? `${issue.message}${butIs(value)}` : issue.message;
  }
}

const FORMATS: Readonly<Record<string, string>> = {
  url: "must be an http or https URL",
  starts_with: 'must start with "/"',
};

function sizeReason(bound: "at least" | "at most", limit: number, origin: string, value: unknown): string {
  const counted = (unit: string): string => `must have ${bound} ${limit} ${unit}${limit === 1 ? "" : "s"}`;
  if (origin === "string") return `${counted("character")}${butIs(value)}`;
  return origin === "array" ? counted("item") : `must be ${bound} ${limit}${butIs(value)}`;
}

const oneOf = (values: readonly unknown[]): string =>
  values.length === 1 ? String(values[0]) : `one of ${values.map(String).join(", ")}`;
