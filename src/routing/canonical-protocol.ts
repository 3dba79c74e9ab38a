// The names under which people and other programs know a protocol, made one on entry: behind this, only `Protocol` exists.

import type { Protocol } from "./service.ts";

const NAMES: ReadonlyMap<string, Protocol> = new Map([
  ["http", "http"],
  ["http:graphql", "http:graphql"],
  ["http:gql", "http:graphql"],
  ["graphql", "http:graphql"],
  ["graphql-http", "http:graphql"],
  ["http:grpc", "http:grpc"],
  ["grpc", "http:grpc"],
  ["tcp", "tcp"],
  ["udp", "udp"],
]);

/** Undefined for a protocol that this version does not know. */
export function canonicalProtocol(name: string): Protocol | undefined {
  return NAMES.get(name);
}
