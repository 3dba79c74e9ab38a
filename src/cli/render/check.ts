// The table of `catalyst check`: what was asked, whether it is true, and below what to do where it is not.

import type { CheckResult } from "#rpc";
import { count } from "./amount.ts";
import type { Style } from "./style.ts";
import { type Cell, table } from "./table.ts";

export function checkText(results: readonly CheckResult[], style: Style): string {
  const rows = results.map(({ name, description, ok, severity, text }): Cell[] => {
    const verdict: Cell = ok
      ? { text: "ok", paint: style.green }
      : severity === "fatal"
        ? { text: "FAILED", paint: style.red }
        : { text: "warning", paint: style.yellow };
    const [first = ""] = text.split("\n");
    return [name, verdict, description, first];
  });
  const columns = ["CHECK", "RESULT", "WHAT IS ASKED", "ANSWER"].map((title) => ({ title }));
  const bad = results.filter(({ ok }) => !ok);
  const details = bad.flatMap(({ name, text, hint }) => {
    const more = text.split("\n").slice(1);
    return [
      ...(more.length === 0 ? [] : [`${name}:`, ...more]),
      ...(hint === undefined ? [] : [`${style.dim("try:")} ${hint} ${style.dim(`(${name})`)}`]),
    ];
  });
  return [
    table(columns, rows, style),
    ...(details.length === 0 ? [] : [details.join("\n")]),
    summary(results, style),
  ].join("\n\n");
}

function summary(results: readonly CheckResult[], style: Style): string {
  const fatal = results.filter(({ ok, severity }) => !ok && severity === "fatal").length;
  const warnings = results.filter(({ ok, severity }) => !ok && severity === "warning").length;
  const words = count(warnings, "warning");
  if (fatal > 0) return style.red(`${fatal} of ${results.length} failed, ${words}`);
  return warnings > 0 ? style.yellow(`nothing failed, ${words}`) : style.green(`all ${results.length} good`);
}
