// What the client of a demonstration does: takes an API key to the node's own door, gets a token, asks the graph.

import { CatalystError } from "#rpc";
import { type HttpAnswer, post } from "./ask.ts";
import type { DemoNode } from "./node.ts";
import type { Show } from "./show.ts";

/** Products from one service, what is said of them from the other. */
export const QUERY = "{ topProducts(first: 2) { name price reviews { rating author body } } }";

export interface GraphqlAnswer {
  readonly data?: { readonly topProducts?: readonly Readonly<Record<string, unknown>>[] | null } | null;
  readonly errors?: readonly { readonly message?: string; readonly extensions?: object }[];
}

/** Two steps: a key, and the token it is exchanged for. */
export async function signIn(node: DemoNode, show: Show): Promise<string> {
  const key = await show.step(
    "create an API key",
    () => node.admin().call("apikey.create", { principal: "demo" }),
    ({ id }) => id,
  );
  return await show.step(
    "exchange it for a token (POST /auth/token)",
    () => exchange(node.ingress, key.key),
    () => "good for 5 minutes",
  );
}

async function exchange(ingress: string, key: string): Promise<string> {
  const { status, body } = await post(`${ingress}/auth/token`, key, "");
  const answer = readJson(body) as { access_token?: unknown } | undefined;
  if (status === 200 && typeof answer?.access_token === "string") return answer.access_token;
  throw new CatalystError("ERR_APIKEY_INVALID", `POST /auth/token answered ${status}: ${body.slice(0, 200)}`);
}

export async function ask(
  ingress: string,
  token: string,
  query: string,
): Promise<HttpAnswer & { readonly answer: GraphqlAnswer | undefined }> {
  const got = await post(`${ingress}/graphql`, token, JSON.stringify({ query }));
  return { ...got, answer: readJson(got.body) as GraphqlAnswer | undefined };
}

/** The answer to a query that both services must have had a part in. */
export async function federated(
  { ingress }: DemoNode,
  token: string,
  query: string,
  envoy: boolean,
): Promise<GraphqlAnswer> {
  const { status, server, body, answer } = await ask(ingress, token, query);
  const reviewed = answer?.data?.topProducts?.some(
    ({ reviews }) => Array.isArray(reviews) && reviews.length > 0,
  );
  if (status !== 200 || answer === undefined || answer.errors !== undefined || reviewed !== true)
    throw new CatalystError("ERR_INTERNAL", `the query was answered with ${status}: ${body.slice(0, 500)}`);
  if (envoy && server !== "envoy")
    throw new CatalystError("ERR_INTERNAL", "the answer did not come through Envoy");
  return answer;
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the caller shows the text and the status
  }
}
