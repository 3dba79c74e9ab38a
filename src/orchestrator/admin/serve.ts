// The admin interface on `run/admin.sock`. The file's mode (0600) is the access check: who may open it is the operator. Each
// session follows events on its own; a call fails with a coded error and never ends the session.

import {
  type AdminApi,
  adminSchema,
  CatalystError,
  OWN_PARTS_RPC_LIMITS,
  type AdminVerb,
  type AdminVerbs,
  exposeLater,
  type Server,
  serve,
} from "#rpc";
import type { Log } from "#kernel";
import type { Journal } from "./journal.ts";
import type { Verbs, verbs } from "./verbs.ts";

export async function serveAdmin(
  socket: string,
  table: ReturnType<typeof verbs>,
  journal: Journal,
  log: Log,
): Promise<Server> {
  return await serve(
    { unix: socket },
    (session) => {
      const api: AdminApi = {
        async call<V extends AdminVerb>(verb: V, args: AdminVerbs[V]["args"]) {
          if (table[verb] === undefined)
            throw new CatalystError("ERR_PEERING", "this node exchanges no routes");
          return await (table as Verbs)[verb](args);
        },
        async follow({ after }, onEvents) {
          journal.follow(after, onEvents, session.signal, (error) =>
            log.warn(
              { error: String(error), remote: session.remote },
              "a follower of events is told no more",
            ),
          );
        },
      };
      // A node starts without its operator, and these are its largest schemas.
      return exposeLater(api, ["call", "follow"], async () => (await adminSchema()).adminMethods);
    },
    // Who opens it is the operator: 100,000 routes are one answer of some 40 MB.
    { log, limits: OWN_PARTS_RPC_LIMITS },
  );
}
