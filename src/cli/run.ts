// `catalyst run`: a node from its configuration, until it is told to stop. With `--role` one part alone (containers), on the same
// data directory as the others.

import { configFiles, type Env, loadConfig } from "#config";
import { type RoleName, runNode, runPart } from "#orchestrator";
import { usage } from "./failure.ts";

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
  const files = configFiles(request.files, env, cwd);
  const options = {
    loaded: await loadConfig({ files, env, flags: request.configFlags, cwd }),
    program: programOf(),
    record: request.record,
    logs: request.text ? "text" : "json",
  } as const;
  return role === undefined ? await runNode(options) : await runPart(role, options);
}

function roleOf(name: string | undefined): RoleName | undefined {
  if (name === undefined) return undefined;
  const role = ROLES.find((each) => each === name);
  if (role === undefined) throw usage(`"${name}" is no part of a node`, `one of ${ROLES.join(", ")}`);
  return role;
}

/** How this program starts itself: the parts of a node are the same program. */
export const programOf = (): [string, ...string[]] => [
  process.execPath,
  ...process.execArgv,
  process.argv[1] ?? "",
];
