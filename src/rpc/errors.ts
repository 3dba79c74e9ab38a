// Every error a user can meet, by code. The union is the single list; docs/reference/errors.md lists exactly it, tested both
// ways. Errors are recognised by `code`, also after they crossed an RPC boundary (`wire-error.ts` carries code, message, hint
// and detail across).

/** code → what it means, for docs/reference/errors.md. One line, no full stop. */
export const ERRORS = {
  ERR_USAGE: "the command line is wrong: unknown verb, flag or missing argument",
  ERR_CONFIG_INVALID: "the configuration has problems; each is listed with its place",
  ERR_CONFIG_UNREADABLE: "a configuration file cannot be read or parsed",
  ERR_OWNED_BY_CONFIG: "the configuration file owns this object; change the file",
  ERR_NODE_UNREACHABLE: "no running node answers at the given data directory",
  ERR_NODE_AMBIGUOUS: "several nodes run here; say which with --node",
  ERR_NODE_RUNNING: "a node already runs on this data directory",
  ERR_INTERNAL: "a defect of this program",
  ERR_INVALID_ARGUMENT: "an argument has the wrong form",
  ERR_NOT_FOUND: "no object of this name",
  ERR_ALREADY_EXISTS: "an object of this name exists with another owner or content",
  ERR_SERVICE_CONFLICT: "the service's name or ingress prefix is taken by another owner",
  ERR_LIMIT: "a hard limit was reached",
  ERR_TIMEOUT: "no answer within the deadline",
  ERR_RPC_PROTOCOL: "the other side of an RPC session broke the protocol or a limit of it",
  ERR_RPC_UNREACHABLE: "nothing answers at the address of an RPC session",
  ERR_RPC_CLOSED: "the RPC session ended before the answer",
  ERR_DENIED: "not allowed",
  ERR_PORT_IN_USE: "a listen address is taken by another program",
  ERR_PERMISSION: "a file or directory has the wrong owner or mode",
  ERR_PART_DOWN: "a part of the node does not run",
  ERR_IDENTITY_NONE: "identity.mode is none: everyone may ask everything",
  ERR_PLUGIN_LOAD: "a plugin could not be loaded or its settings are wrong",
  ERR_PLUGIN_FAILED: "a plugin threw",
  ERR_STOPPING: "the node is stopping and takes no more work",
  ERR_RECORD_INVALID: "a record of events is cut off, damaged or of another version",
  ERR_REPLAY_DIVERGED: "a replay reached another state than the recorded one",
  ERR_PROBE_FAILED: "a health probe failed",
  ERR_SCHEMA_INVALID: "a service's GraphQL schema is not usable",
  ERR_SCHEMA_CONFLICT: "a service's GraphQL schema does not compose with the rest",
  ERR_SCHEMA_UNREACHABLE: "a service's GraphQL schema could not be read",
  ERR_SCHEMA_TOO_LARGE: "a service's GraphQL schema is over the limit",
  ERR_COMPOSE_TIMEOUT: "composition took longer than its limit",
  ERR_REVISION_STALE: "an older revision was offered than the one in force",
  ERR_QUERY_INVALID: "a GraphQL document does not parse or validate",
  ERR_QUERY_LIMIT: "a GraphQL document is over a limit",
  ERR_QUERY_UNPLANNABLE: "no plan reaches a field of this query",
  ERR_QUERY_TIMEOUT: "the request's deadline passed",
  ERR_SUBGRAPH_UNREACHABLE: "a service behind the graph cannot be connected",
  ERR_SUBGRAPH_TIMEOUT: "a service behind the graph did not answer in time",
  ERR_SUBGRAPH_STATUS: "a service behind the graph answered with an HTTP error",
  ERR_SUBGRAPH_PROTOCOL: "a service behind the graph answered with something that is not GraphQL",
  ERR_SUBGRAPH_OPEN: "a service behind the graph failed repeatedly and is left alone for a moment",
  ERR_TOKEN_MISSING: "the request carries no token",
  ERR_TOKEN_INVALID: "the token is not valid",
  ERR_TOKEN_EXPIRED: "the token is expired",
  ERR_TOKEN_SCOPE: "the token's scope does not cover this service",
  ERR_KEY_NOT_FOUND: "no signing key of this id",
  ERR_KEY_UNSAFE: "a key file is readable by others",
  ERR_STATE_CORRUPT: "a file in which the node keeps its own state is damaged",
  ERR_STATE_UNWRITABLE: "a file of the node's own state cannot be opened or written",
  ERR_TOKENS_FOREIGN: "this node mints no tokens: identity.mode says they come from another issuer",
  ERR_APIKEY_INVALID: "the API key is malformed, unknown, revoked or expired",
  ERR_ENVOY_MISSING: "no Envoy binary",
  ERR_ENVOY_FAILED: "Envoy did not start or ended",
  ERR_ENVOY_REFUSED: "Envoy refused a resource",
  ERR_XDS_REFERENCE: "a resource names another one that does not exist",
  ERR_PEERING: "something keeps this node from exchanging routes",
  ERR_PEER_DOWN: "there is no session with a peer",
  ERR_PEER_STALE: "what is known of a peer may be old",
  ERR_PEER_LIMIT: "a peer is near one of its limits, or over it",
  ERR_PEER_UNPROVEN: "of two nodes one asks for certificates and the other runs with identity.mode none",
  ERR_PEER_CERTIFICATE: "a certificate between two nodes ends soon",
  ERR_UPSTREAM: "the service behind a proxied request failed",
} as const;

export type ErrorCode = keyof typeof ERRORS;

/** An operating failure at an edge. `message` is lower case without full stop and names the thing; `hint` is a command or an action. */
export class CatalystError extends Error {
  override readonly name = "CatalystError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  /** Further facts for `--json`; plain data, no secrets. */
  readonly detail: unknown;

  constructor(
    code: ErrorCode,
    message: string,
    options: { hint?: string; detail?: unknown; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.detail = options.detail;
  }
}

export const isErrorCode = (code: unknown): code is ErrorCode =>
  typeof code === "string" && Object.hasOwn(ERRORS, code);
