// The admin contract: every user action once, by verb. CLI, console and tests call `AdminApi.call(verb, args)`; the verb table
// types both ends. Served on `run/admin.sock` (0600: whoever may open it is the operator). Argument schemas stand in
// `admin-schema.ts`, so that the CLI loads no validator.

import type { PeeringStatus, PeeringVerbs } from "./admin-peering.ts";
import type { ApiKeyCreated, ApiKeyRecord, AuthStatus, KeyRecord, KeySet, Signed, Verified } from "./auth.ts";
import type { GatewayStatus } from "./gateway.ts";

export interface AdminApi {
  call<V extends AdminVerb>(verb: V, args: AdminVerbs[V]["args"]): Promise<AdminVerbs[V]["result"]>;
  /** Calls back with each event from `after` on (revision and sequence grow); ends with the session. */
  follow(
    options: { readonly after?: number },
    onEvents: (events: readonly EventRecord[]) => void,
  ): Promise<void>;
}

export type AdminVerb = keyof AdminVerbs;

export interface AdminVerbs extends PeeringVerbs {
  /** Who answers: little, for clients that ask it beside their own question. */
  identity: { args: Record<never, never>; result: NodeIdentity };
  status: { args: Record<never, never>; result: NodeStatus };
  check: { args: Record<never, never>; result: readonly CheckResult[] };
  "service.list": { args: Record<never, never>; result: readonly ServiceRecord[] };
  "service.show": { args: { name: string }; result: ServiceRecord };
  /** Returns when the service is committed; with `wait` when it is served (or says why not) or `waitMs` passed. */
  "service.add": { args: ServiceAdd; result: ServiceRecord };
  "service.remove": { args: { name: string }; result: { name: string; revision: number } };
  "apikey.create": {
    args: { principal: string; scopes?: string[]; expiresInMs?: number };
    result: ApiKeyCreated;
  };
  "apikey.list": { args: Record<never, never>; result: readonly ApiKeyRecord[] };
  "apikey.revoke": { args: { id: string }; result: ApiKeyRecord };
  "apikey.rotate": { args: { id: string; overlapMs?: number }; result: ApiKeyCreated };
  "token.mint": {
    args: { sub: string; aud?: string; scope?: string[]; ttlSeconds?: number };
    result: Signed;
  };
  "token.verify": { args: { token: string }; result: Verified };
  "key.list": { args: Record<never, never>; result: readonly KeyRecord[] };
  "key.rotate": { args: { now?: boolean }; result: KeyRecord };
  "key.revoke": { args: { kid: string }; result: KeyRecord };
  "key.jwks": { args: Record<never, never>; result: KeySet };
  "envoy.status": { args: Record<never, never>; result: EnvoyStatus };
  /** What was published last, by type and name, as JSON. */
  "envoy.config": { args: { type?: string; name?: string }; result: readonly EnvoyResource[] };
  "config.show": { args: Record<never, never>; result: { config: unknown; origin: Record<string, string> } };
  events: { args: { after?: number; limit?: number }; result: readonly EventRecord[] };
}

export interface ServiceAdd {
  /** Short or full name. */
  name: string;
  protocol: string;
  endpoints: string[];
  probe?: { kind?: string; path?: string; interval?: string; timeout?: string; up?: number; down?: number };
  ingress?: { prefix?: string; stripPrefix?: boolean; host?: string };
  timeout?: string;
  labels?: Record<string, string>;
  /** Milliseconds to wait until it is served. */
  waitMs?: number;
}

export interface ServiceRecord {
  readonly name: string;
  readonly protocol: string;
  readonly health: "up" | "down" | "unknown";
  readonly owner: {
    readonly kind: string;
    readonly file?: string;
    readonly line?: number;
    readonly plugin?: string;
  };
  readonly endpoints: readonly {
    readonly url: string;
    readonly health: "up" | "down" | "unknown";
    readonly reason?: string;
    readonly lease?: { readonly id: string; readonly expiresInMs: number };
  }[];
  readonly ingress?: { readonly prefix?: string; readonly host?: string; readonly stripPrefix?: boolean };
  readonly schema?: string;
  /** Where a client reaches it: URLs at ingress. */
  readonly reach: readonly string[];
  readonly quarantine: readonly { readonly by: string; readonly code: string; readonly text: string }[];
  readonly revision: number;
}

export interface NodeIdentity {
  readonly node: string;
  readonly organization: string;
  readonly identity: "own" | "jwks" | "none";
  readonly version: string;
}

export type PartName = "orchestrator" | "auth" | "gateway" | "envoy";
export type PartState = "starting" | "ready" | "degraded" | "stopped" | "backoff" | "absent";

export interface PartStatus {
  readonly name: PartName;
  readonly state: PartState;
  readonly pid?: number;
  readonly restarts: number;
  readonly uptimeMs?: number;
  /** Why it is not ready; one line. */
  readonly reason?: string;
}

export interface NodeStatus {
  readonly node: string;
  readonly organization: string;
  readonly version: string;
  readonly pid: number;
  readonly uptimeMs: number;
  readonly processes: "split" | "one";
  readonly dataDir: string;
  /** "ok": all parts ready and nothing quarantined; "degraded": serving, but something is wrong; "down": not serving. */
  readonly health: "ok" | "degraded" | "down";
  /** What is wrong, most important first; empty when ok. */
  readonly problems: readonly { readonly code: string; readonly text: string; readonly hint?: string }[];
  readonly identity: "own" | "jwks" | "none";
  readonly envoy: "on" | "absent";
  readonly ingress: string;
  readonly parts: readonly PartStatus[];
  readonly revision: number;
  readonly services: {
    readonly total: number;
    readonly up: number;
    readonly down: number;
    readonly quarantined: number;
  };
  readonly plugins: readonly {
    readonly name: string;
    readonly builtIn: boolean;
    readonly state: "ok" | "degraded" | "disabled";
    readonly failures: number;
    readonly lastError?: string;
  }[];
  readonly effects: {
    readonly pending: number;
    readonly failing: readonly { key: string; code: string; text: string }[];
  };
  /** Absent where this node has no peers and waits for none. */
  readonly peering?: PeeringStatus;
  readonly gateway?: GatewayStatus;
  readonly auth?: AuthStatus;
  readonly record?: string;
}

export interface EnvoyStatus {
  readonly state: PartState;
  readonly version?: string;
  readonly connected: boolean;
  readonly connectedForMs?: number;
  readonly types: readonly {
    readonly type: string;
    readonly resources: number;
    readonly acknowledged: number;
    readonly refused: readonly { readonly name: string; readonly text: string }[];
    readonly lastAckMs?: number;
    readonly nacks: number;
  }[];
}

export interface EnvoyResource {
  readonly type: string;
  readonly name: string;
  readonly version: string;
  readonly acknowledged: boolean;
  readonly resource: unknown;
}

export interface CheckResult {
  readonly name: string;
  readonly description: string;
  readonly ok: boolean;
  readonly severity: "fatal" | "warning";
  readonly text: string;
  readonly hint?: string;
}

export interface EventRecord {
  readonly sequence: number;
  readonly at: number;
  readonly revision: number;
  readonly kind: string;
  /** One line for people. */
  readonly text: string;
  readonly subject?: string;
}
