// node examples/products/main.ts --port 5001

import { run } from "../subgraph/run.ts";
import { start } from "./products.ts";

export { start };

if (import.meta.main) await run(start);
