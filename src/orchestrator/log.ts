// The log of one part: one JSON line to stdout for each message, as the supervisor and collectors read it.

import type { Log } from "#kernel";
import type { PartName } from "#rpc";
import type { Boot } from "./boot.ts";
import { jsonLine, type Level } from "./supervise/lines.ts";

const ORDER: readonly Level[] = ["debug", "info", "warn", "error"];

export async function openLog(
  boot: Boot,
  part: PartName | "node",
  write: (line: string) => void = (line) => void process.stdout.write(`${line}\n`),
): Promise<Log> {
  const least = ORDER.indexOf(boot.config.log.level);
  const at =
    (level: Level) =>
    (fields: object, text: string): void => {
      if (ORDER.indexOf(level) >= least) write(jsonLine(part, level, text, fields));
    };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
