// node examples/reviews/main.ts --port 5002

import { run } from "../subgraph/run.ts";
import { start } from "./service.ts";

export { start };

if (import.meta.main) await run(start);
