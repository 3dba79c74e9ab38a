// The program. Nothing is imported before the compile cache is on, and nothing that the called verb does not need: help and
// client verbs answer in well under a tenth of a second, and the processes of a node itself (the supervisor, its parts) never
// load the command line, because they live long and must stay small. The cache holds code, so it lies in a folder of this
// user alone, never in the shared temporary directory that Node takes by itself.

import module from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

// The launcher has named the folder already, and then this changes nothing; whoever starts Node directly gets the same one.
module.enableCompileCache(
  join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "catalyst/compile"),
);

const argv = process.argv.slice(2);
const code = argv[0] === "run" ? await (await import("./inner.ts")).inner(argv) : undefined;
if (code !== undefined) process.exit(code);
const { main } = await import("./program.ts");
await main(argv);
