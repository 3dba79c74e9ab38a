// What is answered where Envoy itself answers between nodes, in the form of ingress (local-reply.ts); each names the service
// that was asked for. An :authority is checked by Envoy and holds no quote or backslash, so the text stays JSON.

import type { Messages } from "../generated/messages.ts";

type Config = Messages["envoy.extensions.filters.network.http_connection_manager.v3.LocalReplyConfig"];
type Mapper = Messages["envoy.extensions.filters.network.http_connection_manager.v3.ResponseMapper"];

const ASKED = "%REQ(:AUTHORITY)%";

export const peeringReplies = (): Config => ({
  mappers: [
    reply("GE", 500, "ERR_UPSTREAM", `${ASKED} did not answer`),
    reply("EQ", 403, "ERR_DENIED", `not allowed to ask for ${ASKED}`),
    reply("EQ", 404, "ERR_NOT_FOUND", `no route to ${ASKED}`),
  ],
});

const reply = (op: "EQ" | "GE", status: number, code: string, message: string): Mapper => ({
  filter: {
    status_code_filter: {
      comparison: { op, value: { default_value: status, runtime_key: "catalyst.unused" } },
    },
  },
  body_format_override: {
    text_format_source: {
      inline_string: `${JSON.stringify({ errors: [{ message, extensions: { code } }] })}\n`,
    },
    content_type: "application/json",
  },
});
