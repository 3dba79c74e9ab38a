// What the tests of the xDS server share: a server in a folder of its own, clients of it, and changes whose content is any text.

import assert from "node:assert/strict";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import type { FileRegistry } from "@bufbuild/protobuf";
import { extractDescriptors } from "../../tools/generate-envoy.ts";
import { envoyBinary, folder, quiet } from "./testing.ts";
import type { Scope } from "./testing.ts";
import { XdsClient, registryOf } from "./testing-xds.ts";
import { XdsServer } from "./xds/index.ts";
import type { Change, Ref, ResourceType } from "./xds/index.ts";

let registry: FileRegistry | undefined;

export async function open(
  t: Scope,
  changes: readonly Change[] = [],
  options: { answerMs?: number; onRefused?: (type: string, name: string, text: string) => void } = {},
): Promise<{ server: XdsServer; socket: string; client: (path?: string) => XdsClient }> {
  registry ??= registryOf(extractDescriptors(await envoyBinary()).values());
  const known = registry;
  const socket = join(await folder(t), "xds.sock");
  const server = new XdsServer({ log: quiet, ...options });
  if (changes.length > 0) await server.publish(changes);
  await server.listen(socket);
  t.after(() => server.close());
  const client = (path?: string): XdsClient => {
    const opened = new XdsClient(socket, known, path);
    t.after(() => opened.close());
    return opened;
  };
  return { server, socket, client };
}

export const set = (type: ResourceType, name: string, text: string, needed: readonly Ref[] = []): Change => ({
  type,
  name,
  bytes: Buffer.from(text),
  needs: needed,
});
export const unset = (type: ResourceType, name: string): Change => ({ type, name, bytes: undefined });
export const names = (told: { readonly resources: object }): string[] => Object.keys(told.resources);
/** Lets everything that is under way between the two arrive. */
export const settle = async (server: XdsServer, client: XdsClient): Promise<void> => {
  // A request of a type that is never answered, and its echo in the order of the stream.
  client.send({ type: "scope", subscribe: [`marker-${Math.random()}`] });
  for (let i = 0; i < 50; i++) await turn();
  assert.ok(server.connected);
};
