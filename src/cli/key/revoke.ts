// `catalyst key revoke KID`: a start of the id is enough while only one key begins so.

import { CatalystError } from "#rpc";
import { withNode } from "../client.ts";
import { keyTable } from "../render/keys.ts";
import type { Answer, Call } from "../verb.ts";

export async function run(call: Call): Promise<Answer> {
  const given = call.args[0] ?? "";
  const key = await withNode(call, async (node) => {
    const keys = await node.call("key.list", {});
    const meant = keys.filter(({ kid }) => kid.startsWith(given));
    if (meant.length > 1) {
      throw new CatalystError("ERR_INVALID_ARGUMENT", `${meant.length} keys begin with ${given}`, {
        hint: "catalyst key list",
      });
    }
    return await node.call("key.revoke", { kid: meant[0]?.kid ?? given });
  });
  const note = "every token it signed is refused from now on";
  return { data: key, text: (style) => keyTable([key], style), note };
}
