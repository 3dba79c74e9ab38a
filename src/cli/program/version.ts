// `catalyst version`

import type { Answer } from "../verb.ts";

export async function run(): Promise<Answer> {
  const [{ ENVOY_VERSION }, { VERSION }] = await Promise.all([import("#envoy"), import("#orchestrator")]);
  const data = {
    catalyst: VERSION,
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
