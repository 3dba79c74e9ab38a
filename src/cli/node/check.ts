// `catalyst check`: statements about a running node, and with --pre about the place where one is to start. Exit code 79 when a
// fatal one is not true; a warning alone does not fail.

import type { CheckResult } from "#rpc";
import { withNode } from "../client.ts";
import { namesNode } from "../config-source.ts";
import { EXIT, asCatalystError, usage } from "../failure.ts";
import { durationFlag } from "../input.ts";
import { checkText } from "../render/check.ts";
import type { Answer, Call } from "../verb.ts";

const RETRY_MS = 250;

export async function run(call: Call): Promise<Answer> {
  if (call.flags.on("pre")) {
    const { preChecks } = await import("./pre-checks.ts");
    return answer(await preChecks(call));
  }
  if (call.args.length > 0 || !namesNode(call)) {
    throw usage("a configuration is checked before a start only", "catalyst check --pre FILE");
  }
  const results = await untilGood(call, durationFlag(call, "wait") ?? 0);
  return answer(results);
}

const isFatal = ({ ok, severity }: CheckResult): boolean => !ok && severity === "fatal";

async function untilGood(call: Call, waitMs: number): Promise<readonly CheckResult[]> {
  const until = performance.now() + waitMs;
  for (;;) {
    const late = performance.now() >= until;
    try {
      const results = await withNode(call, (node) => node.call("check", {}));
      // A warning stays as long as its cause does: no wait would end it.
      if (late || !results.some(isFatal)) return results;
    } catch (error) {
      // A node that is still starting has no socket yet.
      if (late || asCatalystError(error).code !== "ERR_NODE_UNREACHABLE") throw error;
    }
    call.signal.throwIfAborted();
    await new Promise((resolve) => void setTimeout(resolve, RETRY_MS));
  }
}

function answer(results: readonly CheckResult[]): Answer {
  const failed = results.some(isFatal);
  return {
    data: results,
    text: (style) => checkText(results, style),
    code: failed ? EXIT.check : EXIT.ok,
  };
}
