// `catalyst run`: a node from its configuration, until it is told to stop. The process that a user starts is the supervisor
// (inner.ts); what is here is done by the one that it has the configuration read by. With `--role` one part alone (containers), on
// the same data directory as the others.

import { configFiles, type Env, loadConfig } from "#config";
import { isReader, readNode, type RoleName, runAsOne, runNode, runPart, saysOne } from "#orchestrator";
import { usage } from "./failure.ts";
import { programOf } from "./own-program.ts";

const ROLES: readonly RoleName[] = ["orchestrator", "auth", "gateway"];

export interface RunRequest {
  readonly files: readonly string[];
  readonly configFlags: readonly string[];
  readonly role: string | undefined;
  readonly record: string | undefined;
  /** Logs as text for people, not as JSON. */
  readonly text: boolean;
  readonly env: Env;
  readonly cwd: string;
}

export async function run(request: RunRequest): Promise<number> {
  const { env, cwd } = request;
  const role = roleOf(request.role);
  const argv = process.argv.slice(2);
  // With a flag before the verb the command line was not understood before it was parsed.
  if (role === undefined && !isReader() && !saysOne(argv, env)) return await runNode(programOf(), argv);
  const files = configFiles(request.files, env, cwd);
  const options = {
    loaded: await loadConfig({ files, env, flags: request.configFlags, cwd }),
    program: programOf(),
    record: request.record,
    logs: request.text ? "text" : "json",
  } as const;
  if (role !== undefined) return await runPart(role, options);
  if (isReader()) return await readNode(options);
  // What asked for one process may not be what counts.
  return options.loaded.config.processes === "one"
    ? await runAsOne(options)
    : await runNode(programOf(), argv);
}

function roleOf(name: string | undefined): RoleName | undefined {
  if (name === undefined) return undefined;
  const role = ROLES.find((each) => each === name);
  if (role === undefined) throw usage(`"${name}" is no part of a node`, `one of ${ROLES.join(", ")}`);
  return role;
}
