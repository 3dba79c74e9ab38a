// Envoy does not watch its stdin, so it would outlive a supervisor that was killed with -9. `setpriv --pdeathsig` lets the
// kernel end it; where util-linux is missing, a shell waits for EOF of a pipe and ends it (docs/internals/processes.md section 2).
// Invariant: whatever kills the supervisor, nothing that it started goes on.

import { accessSync, constants } from "node:fs";
import { join } from "node:path";

/** First executable of this name in PATH. */
export const findProgram = (name: string, path: string): string | undefined =>
  path
    .split(":")
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });

// fd 3 is the pipe from the supervisor; the inner cat ends with it and takes the program along. `wait` is repeated because a
// trapped signal ends the first one; a TERM meant for the program is handed on.
const WATCH =
  'exec 3<&0; "$@" </dev/null 3<&- & p=$!; trap "kill -TERM $p" TERM; ' +
  "(cat <&3 >/dev/null; kill -TERM $p) 2>/dev/null & w=$!; wait $p; c=$?; " +
  "while kill -0 $p 2>/dev/null; do wait $p; c=$?; done; kill $w 2>/dev/null; exit $c";

/** The command that ends with the process that starts it. */
export const guarded = (
  command: readonly [string, ...string[]],
  setpriv: string | undefined,
): readonly [string, ...string[]] =>
  setpriv === undefined
    ? ["/bin/sh", "-c", WATCH, "catalyst-guard", ...command]
    : [setpriv, "--pdeathsig", "TERM", "--", ...command];
