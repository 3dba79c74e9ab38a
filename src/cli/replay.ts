// `catalyst replay FILE`: steps a fresh event loop through a record and says whether it reached the same states.

import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { dirname } from "node:path";
import { type Config, configFiles, loadConfig } from "#config";
import { replayRecord } from "#orchestrator";
import { CatalystError } from "#rpc";

export interface ReplayRequest {
  readonly file: string;
  readonly json: boolean;
}

export async function replay({ file, json }: ReplayRequest): Promise<number> {
  const startedAt = performance.now();
  const replayed = await replayRecord(lines(file), configured);
  const { head, batches, events, revision, hash, checks, complete } = replayed;
  const ms = Math.round(performance.now() - startedAt);
  if (json) {
    const { node, program } = head;
    const answer = { ok: true, node, program, events, batches, revision, hash, checks, complete, ms };
    process.stdout.write(`${JSON.stringify(answer, undefined, 2)}\n`);
    return 0;
  }
  const end = complete ? "" : " (the record has no end: the node was killed)";
  process.stdout.write(
    `${events} events of ${head.node}: revision ${revision}, state ${hash}, ` +
      `equal at ${checks} of ${checks} places${end}, ${ms} ms\n`,
  );
  return 0;
}

/** A record that was made with plugins needs them again: those of the configuration here. */
async function configured(): Promise<{ plugins: Config["plugins"]; baseDir: string }> {
  const { config, sources } = await loadConfig({ files: configFiles([]) });
  const source = sources.findLast(({ kind }) => kind === "file")?.names[0];
  return { plugins: config.plugins, baseDir: source === undefined ? process.cwd() : dirname(source) };
}

async function* lines(file: string): AsyncIterable<string> {
  const stream = createReadStream(file, "utf8");
  try {
    yield* createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY });
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new CatalystError("ERR_RECORD_INVALID", `cannot read ${file}: ${text}`, { cause });
  }
}
