// Configuration that this version reads but cannot honour. A node that took it in silence would promise what it does not do:
// it refuses to start instead and names each key. When sessions between nodes run, this file goes.

import type { LoadedConfig } from "#config";
import { CatalystError } from "#rpc";

export function refuseNotServed({ config }: Pick<LoadedConfig, "config">): void {
  const asked = {
    peers: config.peers.length > 0,
    imports: config.imports.length > 0,
    exports: config.exports.length > 0,
    "peer.listen": config.peer.listen !== undefined,
    "control.listen": config.control.listen !== undefined,
    tls: config.tls !== undefined,
  };
  const keys = Object.entries(asked).flatMap(([key, set]) => (set ? [key] : []));
  if (keys.length === 0) return;
  throw new CatalystError(
    "ERR_CONFIG_INVALID",
    `${keys.join(", ")}: this version runs no sessions between nodes`,
    {
      hint: `leave ${keys.length === 1 ? "it" : "them"} out; config validate accepts what later versions run`,
    },
  );
}
