// Certificates between nodes, by SDS. Bundles are never pooled: on the peer listener each known node is a trust domain of its
// own with the CAs of its organization, so no organization can speak for a node of another one, nor for one that is not
// known; towards peers each organization has its own secret, and the cluster adds the one name it expects.

import type { NodeName, OrgName } from "#routing";
import type { Messages } from "../generated/messages.ts";
import { ADS } from "./names.ts";
import type { Secret } from "./names.ts";
import { NODE_CERT, PEERS_SECRET, spiffeOf, trustSecretOf } from "./peering-names.ts";
import type { PeeringTrust } from "./peering-names.ts";

type Common = Messages["envoy.extensions.transport_sockets.tls.v3.CommonTlsContext"];
/** With certificates: there is no secret without any. */
export type Proven = PeeringTrust & { readonly pem: string };
type Socket = Messages["envoy.config.core.v3.TransportSocket"];

export const nodeCertSecret = (own: { readonly certificate: string; readonly key: string }): Secret => ({
  name: NODE_CERT,
  tls_certificate: {
    certificate_chain: { inline_string: own.certificate },
    private_key: { inline_string: own.key },
  },
});

export const trustSecret = (organization: OrgName, { pem }: Proven): Secret => ({
  name: trustSecretOf(organization),
  validation_context: { trusted_ca: { inline_string: pem } },
});

/** Undefined when nobody is known: Envoy takes no empty list. */
export function peersSecret(trust: Iterable<Proven>): Secret | undefined {
  const trust_domains = [...trust]
    .flatMap(({ nodes, pem }) => nodes.map((name) => ({ name, trust_bundle: { inline_string: pem } })))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  if (trust_domains.length === 0) return undefined;
  return {
    name: PEERS_SECRET,
    validation_context: {
      custom_validator_config: {
        name: "envoy.tls.cert_validator.spiffe",
        typed_config: {
          "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig",
          trust_domains,
        },
      },
    },
  };
}

/** The maximum must be named too: Envoy's own for clients is 1.2. */
const own: Common = {
  alpn_protocols: ["h2"],
  tls_params: { tls_minimum_protocol_version: "TLSv1_3", tls_maximum_protocol_version: "TLSv1_3" },
  tls_certificate_sds_secret_configs: [{ name: NODE_CERT, sds_config: ADS }],
};

/** A resumed session would outlive a withdrawn trust. */
export const peerDownstreamTls = (): Socket => ({
  name: "envoy.transport_sockets.tls",
  typed_config: {
    "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
    require_client_certificate: true,
    disable_stateless_session_resumption: true,
    disable_stateful_session_resumption: true,
    common_tls_context: {
      ...own,
      validation_context_sds_secret_config: { name: PEERS_SECRET, sds_config: ADS },
    },
  },
});

/** To exactly this node. */
export const peerUpstreamTls = (node: NodeName, organization: OrgName): Socket => ({
  name: "envoy.transport_sockets.tls",
  typed_config: {
    "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
    sni: node,
    common_tls_context: {
      ...own,
      combined_validation_context: {
        default_validation_context: {
          match_typed_subject_alt_names: [{ san_type: "URI", matcher: { exact: spiffeOf(node) } }],
        },
        validation_context_sds_secret_config: { name: trustSecretOf(organization), sds_config: ADS },
      },
    },
  },
});
