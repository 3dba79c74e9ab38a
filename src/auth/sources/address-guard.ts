// Decides which addresses a key set may be fetched from, so that a URL in a configuration, or a name that suddenly resolves
// to the inside, cannot make this node call its neighbours (SSRF). Follows docs/internals/identity.md section 4 and RFC 6890.
// Invariant: both ways in are covered. `lookup` sees the names, but Node never calls it for IP literals, which therefore are
// tested first (`127.1`, `2130706433` and `[::ffff:127.0.0.1]` all passed a guard that only had the hook).

import { type LookupAddress, type LookupOptions, lookup } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";

export interface AddressRules {
  /** Allow loopback, private ranges and plain http. Link-local (the metadata services of clouds) stays forbidden. */
  readonly insecure: boolean;
}

/** Never a key server: unspecified, link-local with the metadata services, multicast, documentation, tunnels. */
const NEVER: readonly (readonly [string, number])[] = [
  ["0.0.0.0", 8],
  ["169.254.0.0", 16],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
  ["64:ff9b::", 96],
  ["64:ff9b:1::", 48],
  ["100::", 64],
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["fe80::", 10],
  ["fec0::", 10],
  ["ff00::", 8],
];
const INSIDE: readonly (readonly [string, number])[] = [
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
  ["::1", 128],
  ["fc00::", 7],
];

const never = blockList(NEVER);
// IPv4-compatible addresses (::/96) are long dead and only serve to hide an IPv4 address; "::" is among them.
const compatible = blockList([["::", 96]]);
const inside = blockList(INSIDE);

/** Why this address is refused, or undefined when it is allowed. */
export function refusedAddress(address: string, rules: AddressRules): string | undefined {
  const family = isIP(address) === 6 ? "ipv6" : "ipv4";
  // BlockList compares IPv4-mapped IPv6 addresses with the IPv4 ranges as well.
  if (inside.check(address, family)) return rules.insecure ? undefined : `${address} is a private address`;
  if (never.check(address, family) || compatible.check(address, family)) {
    return `${address} is no address of a key server`;
  }
  return undefined;
}

/** Throws when the URL itself is forbidden: its scheme, a user in it, or an IP literal on the inside. */
export function refuseUrl(url: URL, rules: AddressRules): void {
  if (url.protocol !== "https:" && !(rules.insecure && url.protocol === "http:")) {
    throw new Error(`${url.origin} is not https`);
  }
  if (url.username !== "" || url.password !== "") throw new Error(`${url.host}: no user in the URL`);
  const literal = url.hostname.replace(/^\[(.*)\]$/, "$1");
  if (isIP(literal) === 0) return;
  const reason = refusedAddress(literal, rules);
  if (reason !== undefined) throw new Error(reason);
}

/** A `lookup` for node:http that hands out only allowed addresses. */
export function guardedLookup(rules: AddressRules): LookupFunction {
  return (hostname: string, options: LookupOptions, done): void => {
    lookup(hostname, { ...options, all: true }, (error, found: LookupAddress[]) => {
      if (error !== null) return done(error, []);
      const allowed = found.filter(({ address }) => refusedAddress(address, rules) === undefined);
      const [first] = allowed;
      if (first === undefined) {
        return done(new Error(`${hostname} resolves to private addresses only`), []);
      }
      return options.all === true ? done(null, allowed) : done(null, first.address, first.family);
    });
  };
}

function blockList(ranges: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList();
  for (const [network, bits] of ranges) list.addSubnet(network, bits, isIP(network) === 6 ? "ipv6" : "ipv4");
  return list;
}
