// What is answered where Envoy itself answers between nodes, in the form of ingress (local-reply.ts); each names the service
// that was asked for. An :authority is checked by Envoy and holds no quote or backslash, so the text stays JSON.

import type { NodeName } from "#routing";
import type { Messages } from "../generated/messages.ts";
import { NO_ROUTE_HEADER } from "./peering-names.ts";

type Config = Messages["envoy.extensions.filters.network.http_connection_manager.v3.LocalReplyConfig"];
type Mapper = Messages["envoy.extensions.filters.network.http_connection_manager.v3.ResponseMapper"];

const ASKED = "%REQ(:AUTHORITY)%";

/** With a node: for the peer listener, where a name that is exported to nobody is closed before it is found to have no route. */
export const peeringReplies = (node?: NodeName): Config => ({
  mappers: [
    ...(node === undefined ? [] : [noRoute(node)]),
    reply("GE", 500, "ERR_UPSTREAM", `${ASKED} did not answer`),
    reply("EQ", 403, "ERR_DENIED", `not allowed to ask for ${ASKED}`),
    reply("EQ", 404, "ERR_NOT_FOUND", `no route to ${ASKED}`),
  ],
});

/** By the shadow in peer-listener.ts. Not what the guard turns away: a loop is not to be tried again. */
const noRoute = (node: NodeName): Mapper => ({
  ...reply("EQ", 403, "ERR_NOT_FOUND", `no route to ${ASKED}`),
  filter: { and_filter: { filters: [status("EQ", 403), { metadata_filter: UNMATCHED }] } },
  status_code: 404,
  headers_to_add: [
    { header: { key: NO_ROUTE_HEADER, value: node }, append_action: "OVERWRITE_IF_EXISTS_OR_ADD" },
  ],
});

const UNMATCHED: Messages["envoy.config.accesslog.v3.MetadataFilter"] = {
  matcher: {
    filter: "envoy.filters.http.rbac",
    path: [{ key: "shadow_engine_result" }],
    value: { string_match: { exact: "denied" } },
  },
  match_if_key_not_found: false,
};

const status = (op: "EQ" | "GE", value: number): NonNullable<Mapper["filter"]> => ({
  status_code_filter: {
    comparison: { op, value: { default_value: value, runtime_key: "catalyst.unused" } },
  },
});

const reply = (op: "EQ" | "GE", code: number, error: string, message: string): Mapper => ({
  filter: status(op, code),
  body_format_override: {
    text_format_source: {
      inline_string: `${JSON.stringify({ errors: [{ message, extensions: { code: error } }] })}\n`,
    },
    content_type: "application/json",
  },
});
