// One GraphQL and one HTTP service, and the configuration that names them: what a node must go on serving while its parts come and go.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { start as startProducts } from "../../examples/products/products.ts";
import type { Cleanup } from "./node.ts";

/** Answered with a name that holds "kettle". */
export const QUERY = "{ topProducts(first: 1) { name } }";

/** The HTTP service is at `/files` and answers "file". Both end with the test or the figure. */
export async function twoServices(t: Cleanup): Promise<{ readonly services: readonly object[] }> {
  const products = await startProducts({ port: 0 });
  t.after(() => products.close());
  const server = createServer((_, response) => response.end("file"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    services: [
      { name: "products", protocol: "http:graphql", endpoint: products.url },
      { name: "files", protocol: "http", endpoint, ingress: { prefix: "/files" } },
    ],
  };
}
