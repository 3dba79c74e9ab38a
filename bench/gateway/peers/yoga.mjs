// The peer: graphql-yoga over @graphql-tools/federation, as their documentation sets it up, with the joining of equal requests
// in flight switched off (it would make a benchmark that repeats one query answer from one fetch). Plain JavaScript, because
// its packages are only there after the benchmark has installed them.

import { createServer } from "node:http";
import { getStitchedSchemaFromSupergraphSdl } from "@graphql-tools/federation";
import { createYoga } from "graphql-yoga";

process.once("message", ({ supergraph }) => {
  const schema = getStitchedSchemaFromSupergraphSdl({
    supergraphSdl: supergraph,
    batch: true,
    httpExecutorOpts: { deduplicateInflightRequests: false },
  });
  const yoga = createYoga({ schema, logging: false, graphiql: false, landingPage: false });
  const server = createServer(yoga);
  server.listen(0, "127.0.0.1", () => process.send?.({ port: server.address().port }));
});
process.once("disconnect", () => process.exit(0));
