// The graph without services: still a graph, so that removing the last service unregisters it, and a node without services
// answers queries. Kept apart from `plan/`, because the serving thread must not load graphql-js for it.

import type { GraphText } from "./plan/prepare.ts";

export const EMPTY_GRAPH_TEXT: GraphText = {
  api: `type Query {\n  "There are no services in the graph yet."\n  _catalyst: String\n}\n`,
  sections: [],
  services: [],
};
