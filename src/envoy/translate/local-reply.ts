// What clients read when Envoy itself answers: one JSON form for all, that of a GraphQL error, which plain HTTP clients can
// read as well. Codes are those of docs/reference/errors.md. What the auth part says about an API key passes unchanged.

import type { Messages } from "../generated/messages.ts";

type Config = Messages["envoy.extensions.filters.network.http_connection_manager.v3.LocalReplyConfig"];
type Mapper = Messages["envoy.extensions.filters.network.http_connection_manager.v3.ResponseMapper"];
type Filter = Messages["envoy.config.accesslog.v3.AccessLogFilter"];

/** The first that matches answers. */
export const localReplies = (): Config => ({
  mappers: [
    reply(status("GE", 500), "ERR_UPSTREAM", "the service did not answer"),
    {
      // Flag of ext_authz: it denied, so this is the auth part's own answer.
      filter: { response_flag_filter: { flags: ["UAEX"] } },
      body_format_override: json("%LOCAL_REPLY_BODY%"),
    },
    challenge(
      { and_filter: { filters: [status("EQ", 401), absent("authorization")] } },
      "ERR_TOKEN_MISSING",
      "the request carries no token",
    ),
    challenge(status("EQ", 401), "ERR_TOKEN_INVALID", "the token is not valid"),
    reply(status("EQ", 403), "ERR_DENIED", "not allowed"),
    reply(status("EQ", 404), "ERR_NOT_FOUND", "nothing is served under this path"),
    reply(status("EQ", 413), "ERR_LIMIT", "the request body is too large"),
  ],
});

const status = (op: "EQ" | "GE", value: number): Filter => ({
  // Envoy wants a runtime key although nothing sets it.
  status_code_filter: { comparison: { op, value: { default_value: value, runtime_key: "catalyst.unused" } } },
});

const absent = (name: string): Filter => ({ header_filter: { header: { name, present_match: false } } });

const json = (text: string): NonNullable<Mapper["body_format_override"]> => ({
  text_format_source: { inline_string: text },
  content_type: "application/json",
});

const reply = (filter: Filter, code: string, message: string): Mapper => ({
  filter,
  body_format_override: json(`${JSON.stringify({ errors: [{ message, extensions: { code } }] })}\n`),
});

/** RFC 6750 section 3: a 401 says which scheme is wanted. */
const challenge = (filter: Filter, code: string, message: string): Mapper => ({
  ...reply(filter, code, message),
  headers_to_add: [
    { header: { key: "www-authenticate", value: "Bearer" }, append_action: "OVERWRITE_IF_EXISTS_OR_ADD" },
  ],
});
