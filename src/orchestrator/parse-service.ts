// One service as somebody wrote it outside the configuration file (`service add`, the SDK), judged by the configuration's own
// schema, so that the same words mean the same and the same mistakes get the same answer. What is a name of the own
// organization depends on the node, so the parser is made for one.

import { type Problem, loadService } from "#config";
import { CatalystError } from "#rpc";
import type { OrgName } from "#routing";
import type { ServiceConfig } from "./intents.ts";

/** Throws ERR_INVALID_ARGUMENT with every problem. */
export const serviceParser =
  (organization: OrgName) =>
  async (service: unknown): Promise<ServiceConfig> => {
    try {
      const parsed = await loadService(service, organization);
      if (parsed !== undefined) return parsed;
    } catch (error) {
      if (!(error instanceof CatalystError) || error.code !== "ERR_CONFIG_INVALID") throw error;
      const problems = problemsOf(error.detail);
      throw new CatalystError("ERR_INVALID_ARGUMENT", `not a service: ${problems.map(sentence).join("; ")}`, {
        detail: problems,
      });
    }
    throw new CatalystError("ERR_INVALID_ARGUMENT", "not a service");
  };

type Said = Pick<Problem, "key" | "reason" | "meant">;

/** Of the configuration's problems what concerns the service: its place was a flag of ours, not of the user. */
const problemsOf = (detail: unknown): readonly Said[] =>
  (detail as readonly Said[]).map(({ key, reason, meant }) => ({
    key: key.replace(/^services(\[0\]\.?)?/, ""),
    reason,
    ...(meant === undefined ? {} : { meant: meant.replace(/^services\[0\]\./, "") }),
  }));

const sentence = ({ key, reason, meant }: Said): string =>
  `${key === "" ? "" : `${key}: `}${reason}${meant === undefined ? "" : `; did you mean ${meant}?`}`;
