// What Envoy is to do for peering, as plain data: services that are reached through peers, services that peers may reach,
// whose certificates are believed, and by which certificate this node is known. A path is one next hop, so two routes with
// one next hop are one path. No secret stands in here: files are named, with a hash of their content, so that a changed file
// is a changed want; the runner reads them (docs/reference/envoy/README.md sections 7 and 9).

import type { TrustByName, TrustFile } from "./route.ts";
import type { Hash, NodeName, OrgName, Protocol, ServiceName } from "./service.ts";
import type { Millis } from "#kernel";

/** The next hop of a route: whose Envoy is asked, at which address ("host:port"). */
export interface PeerPath {
  readonly node: NodeName;
  readonly organization: OrgName;
  readonly address: string;
}

/** A service that is reached through peers. */
export interface EnvoyImportWant {
  readonly service: ServiceName;
  readonly protocol: Protocol;
  /** Best first, up to 4; when one is dead, Envoy takes the next by itself. */
  readonly paths: readonly PeerPath[];
  /** Names under which it is reached as well, sorted; a service that has such a name itself keeps it. */
  readonly aliases?: readonly ServiceName[];
}

/** Own = endpoints of this node; paths = passed on to other nodes. */
export type ExportTarget =
  | {
      readonly kind: "own";
      /** host:port, sorted. */
      readonly endpoints: readonly string[];
      readonly basePath?: string;
      readonly timeoutMs: Millis;
    }
  | { readonly kind: "paths"; readonly paths: readonly PeerPath[] };

/** A service that peers may reach. */
export interface EnvoyExportWant {
  readonly service: ServiceName;
  readonly protocol: Protocol;
  /** Nodes that were told of it, sorted: these and nobody else may ask for it. */
  readonly to: readonly NodeName[];
  readonly target: ExportTarget;
}

/** An organization whose certificates are believed, for exactly these nodes of it; or whose nodes are believed by name. */
export type EnvoyTrustWant = {
  readonly organization: OrgName;
  readonly nodes: readonly NodeName[];
} & (TrustFile | TrustByName);

/** This node's own certificate. */
export interface EnvoyNodeCertWant {
  readonly certificateFile: string;
  readonly keyFile: string;
  /** Of the certificate; a renewal keeps the key. */
  readonly hash: Hash;
}

export type PeeringEffect =
  /** key = service. */
  | { readonly kind: "envoy.import"; readonly key: ServiceName; readonly want: EnvoyImportWant | undefined }
  | { readonly kind: "envoy.export"; readonly key: ServiceName; readonly want: EnvoyExportWant | undefined }
  /** key = organization. */
  | { readonly kind: "envoy.trust"; readonly key: OrgName; readonly want: EnvoyTrustWant | undefined }
  /** key = "node". */
  | { readonly kind: "envoy.node-cert"; readonly key: "node"; readonly want: EnvoyNodeCertWant | undefined };
