// The contract between orchestrator and gateway: the whole graph as data, applied as one generation. Served by the gateway on
// `run/gateway.sock`, called by the orchestrator over one long-lived session. `apply` is idempotent by (revision, hash); calls
// coalesce, only the newest waits.

export interface GatewayControl {
  apply(config: GatewayConfig): Promise<Applied>;
  check(config: GatewayConfig): Promise<Applied>;
  status(): Promise<GatewayStatus>;
}

export interface GatewayConfig {
  readonly revision: number;
  /** SHA-256 (base64url) over everything below; equal hash = nothing to do. */
  readonly hash: string;
  readonly services: readonly GatewayService[];
  readonly limits: GatewayLimits;
  /** How long requests (later: subscriptions) of a retired generation may go on. */
  readonly drainMs: number;
  /** "token": each request needs verified claims; "none": connectivity tests, everyone may ask everything. */
  readonly identity: "token" | "none";
}

export interface GatewayService {
  /** Full name. */
  readonly name: string;
  /** First label of the name; scopes of API keys may use it. Of a foreign service the full name. */
  readonly shortName: string;
  /** Absent = as the SDL says itself. */
  readonly kind?: "federation" | "graphql";
  /** Healthy endpoints, equal in rights; absolute http URLs. */
  readonly urls: readonly string[];
  /** "host:port" to connect to in place of the URLs' own: egress, which finds the service by the host of the URL. */
  readonly via?: string;
  readonly sdl: string;
  /** Of another organization: joins the graph under these terms only. */
  readonly foreign?: ForeignTerms;
  readonly headers: HeaderRules;
  readonly timeoutMs: number;
}

/** How a service of another organization joins the graph. */
export interface ForeignTerms {
  readonly organization: string;
  /** "globex": its types become `Globex_X`, its root fields `globex_x`. No two organizations may have the same. */
  readonly prefix: string;
  /** Entities that keep their name and gain its fields; they must be ours, with the same key. */
  readonly shared: readonly string[];
}

export interface HeaderRules {
  /** Request headers passed on to the service, lower case. `authorization` never is. */
  readonly forward: readonly string[];
  readonly set: Readonly<Record<string, string>>;
}

/** Start values stand in `DEFAULT_GATEWAY_LIMITS`. */
export interface GatewayLimits {
  readonly documentBytes: number;
  readonly tokens: number;
  readonly depth: number;
  readonly aliases: number;
  readonly rootFields: number;
  readonly batch: number;
  readonly answerBytes: number;
  readonly requestMs: number;
  readonly documents: number;
  readonly documentsBytes: number;
  readonly introspection: boolean;
}

export const DEFAULT_GATEWAY_LIMITS: GatewayLimits = {
  documentBytes: 64 * 1024,
  tokens: 4_000,
  depth: 20,
  aliases: 100,
  rootFields: 30,
  batch: 10,
  answerBytes: 32 * 1024 * 1024,
  requestMs: 15_000,
  documents: 1_000,
  documentsBytes: 32 * 1024 * 1024,
  introspection: true,
};

export interface Quarantined {
  readonly service: string;
  readonly code: string;
  readonly text: string;
}

export interface Applied {
  readonly ok: boolean;
  /** Revision in force after the call. */
  readonly serving: number;
  readonly quarantined: readonly Quarantined[];
  readonly composeMs: number;
  readonly warmed: number;
  /** Why nothing was applied, when `ok` is false. */
  readonly error?: { readonly code: string; readonly text: string };
}

export interface GatewayStatus {
  readonly serving: number;
  readonly hash: string;
  readonly services: readonly string[];
  readonly quarantined: readonly Quarantined[];
  readonly generationsAlive: number;
  readonly requestsActive: number;
  readonly documents: number;
  readonly swaps: number;
  /** The composed API schema as SDL; for `query --schema` and the tests. Absent in plain status calls. */
  readonly uptimeMs: number;
}
