// The certificate of ingress, by SDS: a renewed one is used for new connections, open ones go on.

import { INGRESS_SECRET } from "./names.ts";
import type { Secret } from "./names.ts";

export const ingressSecret = (tls: { readonly certificate: string; readonly key: string }): Secret => ({
  name: INGRESS_SECRET,
  tls_certificate: {
    certificate_chain: { inline_string: tls.certificate },
    private_key: { inline_string: tls.key },
  },
});
