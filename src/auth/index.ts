export { type Alg, SIGNING_ALGS, type SigningAlg } from "./algorithms.ts";
export { type Auth, type AuthOptions, createAuth, type IdentityConfig } from "./auth.ts";
export type { ListenAt, Listening } from "./http/listen.ts";
export type { Signer } from "./keys/signer.ts";
export type { Instruments } from "./ports.ts";
export { type ForeignKeysOptions, type JwksConfig, openForeignKeys } from "./sources/foreign-keys.ts";
export type { KeySource, KeyTable, VerifyKey } from "./sources/key-source.ts";
export { createVerifier, type Verifier, type VerifierOptions } from "./tokens/verifier.ts";
export {
  ensureNodeCertificate,
  issueNodeCertificate,
  type NodeCertificate,
  type NodeCertificateOptions,
  spiffeIdOf,
} from "./certs/node-certificate.ts";
export {
  type CaOptions,
  createOrganizationCa,
  openOrganizationCa,
  type OrganizationCa,
} from "./certs/organization-ca.ts";
