// `catalyst query`: a GraphQL request through ingress, the way a client goes, with a token minted for it unless one is given.
// The answer is printed as it came; exit code 1 when it holds errors.

import { CatalystError } from "#rpc";
import { type NodeClient, withNode } from "../client.ts";
import { EXIT, usage } from "../failure.ts";
import { fileText, textOrInput } from "../input.ts";
import type { Answer, Call } from "../verb.ts";
import { type HttpAnswer, post } from "./post.ts";

/** Long enough for the one request, too short to be worth stealing. */
const TOKEN_SECONDS = 60;

export async function run(call: Call): Promise<Answer> {
  const query = await textOrInput(call.args[0] ?? "", "GraphQL document");
  const variables = variablesOf(call.flags.text("variables"));
  const operationName = call.flags.text("operation");
  const body = JSON.stringify({
    query,
    ...(variables === undefined ? {} : { variables }),
    ...(operationName === undefined ? {} : { operationName }),
  });
  const answer = await withNode(call, async (node) => {
    const { ingress, identity } = await node.call("status", {});
    const token = given(call) ?? (identity === "none" ? undefined : await mint(node, call, identity));
    const headers = {
      accept: "application/graphql-response+json, application/json",
      "content-type": "application/json",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
    return await post(`${ingress}/graphql`, headers, body, call.globals.timeoutMs, call.signal);
  });
  return answerOf(answer);
}

function variablesOf(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Told below, in the same words as for JSON of another kind.
  }
  throw usage(`--variables must be a JSON object, is ${text}`, `--variables '{"id": "1"}'`);
}

function given({ flags, env, out }: Call): string | undefined {
  const [literal, file] = [flags.text("token"), flags.text("token-file")];
  if (literal !== undefined && file !== undefined) throw usage("--token and --token-file exclude each other");
  if (file !== undefined) return fileText(file, "token");
  if (literal === undefined) return env["CATALYST_TOKEN"];
  out.warn(
    "warning: a token on the command line can be read by every process here; use --token-file or CATALYST_TOKEN",
  );
  return literal;
}

async function mint(node: NodeClient, { flags }: Call, identity: "own" | "jwks"): Promise<string> {
  if (identity === "jwks") {
    throw new CatalystError(
      "ERR_TOKENS_FOREIGN",
      "this node mints no tokens: they come from another issuer",
      {
        hint: "catalyst query --token-file FILE",
      },
    );
  }
  const sub = flags.text("as") ?? "cli";
  const { token } = await node.call("token.mint", { sub, ttlSeconds: TOKEN_SECONDS });
  return token;
}

function answerOf({ status, text }: HttpAnswer): Answer {
  const body = readJson(text);
  const isGraphql = typeof body === "object" && body !== null && ("data" in body || "errors" in body);
  if (status === 401 || status === 403) {
    throw new CatalystError("ERR_DENIED", `the node refused the token (HTTP ${status})`, {
      hint: "catalyst token verify -",
      detail: body,
    });
  }
  if (!isGraphql) {
    throw new CatalystError("ERR_UPSTREAM", `the node answered HTTP ${status} and no GraphQL`, {
      hint: "catalyst status",
      detail: { status, text: text.slice(0, 1_000) },
    });
  }
  const failed = "errors" in body;
  return {
    data: body,
    text: () => JSON.stringify(body, null, 2),
    code: failed ? EXIT.failed : EXIT.ok,
  };
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // told by the caller, with the status
  }
}
