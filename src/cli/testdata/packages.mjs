// Preloaded by program.test.ts: writes the name of each package that is loaded to descriptor 3.
import { registerHooks } from "node:module";
import { writeSync } from "node:fs";

registerHooks({
  load(url, context, next) {
    const [, name] = /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules)/.exec(url) ?? [];
    if (name !== undefined) writeSync(3, `${name}\n`);
    return next(url, context);
  },
});
