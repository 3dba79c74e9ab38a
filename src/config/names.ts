// The forms of names, in one place: organizations are domains, nodes and services names in them; patterns of rules are names in
// which `*` stands for any run of characters (glob.ts of the routing room reads them). Lengths are those of DNS (RFC 1035
// section 2.3.4), because each of them is also a host name somewhere.

import * as z from "zod/mini";

const label = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";

export const domain = z
  .string()
  .check(
    z.maxLength(253),
    z.regex(new RegExp(`^${label}(\\.${label})+$`), "must be a domain name in lower case"),
  );

export const nodeLabel = z
  .string()
  .check(z.maxLength(63), z.regex(new RegExp(`^${label}$`), "must be one lower-case DNS label"));

/** With its organization: "edge1.globex.catalyst.internal". */
export const nodeName = z
  .string()
  .check(
    z.maxLength(253),
    z.regex(new RegExp(`^${label}(\\.${label}){2,}$`), "must be a node's full name, as edge1.globex.example"),
  );

export const serviceName = z
  .string()
  .check(z.maxLength(253), z.regex(new RegExp(`^${label}(\\.${label})*$`), "must be a lower-case DNS name"));

export const pattern = z
  .string()
  .check(
    z.maxLength(253),
    z.regex(/^[a-z0-9.*-]+$/, "must be a lower-case name, in which * stands for anything"),
  );
