// The log of one part: one JSON line to stdout for each message, as the supervisor and collectors read it.

import type { Log } from "#kernel";
import type { PartName } from "#rpc";
import { createLog } from "#telemetry";
import type { Boot } from "./boot.ts";

/** `write` takes whole lines, for a process that renders them itself. */
export const openLog = (boot: Boot, part: PartName | "node", write?: (line: string) => void): Log =>
  createLog({
    part,
    level: boot.config.log.level,
    ...(write === undefined ? {} : { to: (line) => write(line.trimEnd()) }),
  });
