// Serves Reviews and registers it with the node, so that no configuration names it.

import { register } from "catalyst-sdk";
import { serveGraphql, type Running } from "../subgraph/serve.ts";
import { schema } from "./reviews.ts";

export interface ReviewsOptions {
  readonly port: number;
  readonly host?: string;
  /** The node's address; default as the SDK finds it. `false` serves without a node. */
  readonly node?: string | false;
}

export async function start(options: ReviewsOptions): Promise<Running & { readonly ready: Promise<void> }> {
  const running = await serveGraphql(schema(), options);
  if (options.node === false) return { ...running, ready: Promise.resolve() };
  let said = "";
  const registration = await register({
    name: "reviews",
    protocol: "http:graphql",
    endpoint: running.url,
    ...(options.node === undefined ? {} : { url: options.node }),
    onError: ({ message, hint }) => {
      // Attempts go on twice a second while the node is away; once is enough to say so.
      if (message !== said) console.error(`reviews: ${message}${hint === undefined ? "" : ` (${hint})`}`);
      said = message;
    },
  });
  return {
    url: running.url,
    ready: registration.ready,
    close: async () => {
      // First out of the node, then out of the network: no request meets a closed door.
      await registration.close();
      await running.close();
    },
  };
}
