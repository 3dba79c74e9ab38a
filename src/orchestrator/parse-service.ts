// One service as somebody wrote it outside the configuration file (`service add`, the SDK), judged by the configuration's own
// schema, so that the same words mean the same and the same mistakes get the same answer.

import { loadConfig } from "#config";
import { CatalystError } from "#rpc";
import type { ServiceConfig } from "./intents.ts";

export async function parseService(service: unknown): Promise<ServiceConfig> {
  try {
    const { config } = await loadConfig({
      files: [],
      env: {},
      flags: ["--service", JSON.stringify(service)],
    });
    const [parsed] = config.services;
    if (parsed !== undefined) return parsed;
  } catch (error) {
    if (!(error instanceof CatalystError) || error.code !== "ERR_CONFIG_INVALID") throw error;
    const [, ...lines] = error.message.split("\n");
    const reasons = lines.map((line) => line.trim().replace(/^\S+\s+(services\[0\]\.?)?/, ""));
    throw new CatalystError("ERR_INVALID_ARGUMENT", `not a service: ${reasons.join("; ")}`, {
      detail: error.detail,
    });
  }
  throw new CatalystError("ERR_INVALID_ARGUMENT", "not a service");
}
