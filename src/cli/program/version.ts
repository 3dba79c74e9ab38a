// `catalyst version`

import type { Answer } from "../verb.ts";
import { programVersion } from "./program-version.ts";

export async function run(): Promise<Answer> {
  const { ENVOY_VERSION } = await import("#envoy");
  const data = {
    catalyst: programVersion(),
    node: process.versions.node,
    envoy: ENVOY_VERSION,
    platform: `${process.platform} ${process.arch}`,
  };
  return {
    data,
    text: () =>
      `catalyst ${data.catalyst}  node ${data.node}  envoy ${data.envoy} (pinned)  ${data.platform}`,
  };
}
