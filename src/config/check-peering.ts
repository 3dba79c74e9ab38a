// What must be true of the keys about other nodes together: who is internal, whom an external peer proves itself to, and that no
// two listeners want one address. Looks at the tree as written, as check.ts does.

import { type Checks, hostOf, isLoopback } from "./checks.ts";
import { organizationOfNode } from "./peer-defaults.ts";
import type { Path } from "./shape.ts";

export function checkPeering(checks: Checks): void {
  const peers = checks.items(["peers"]);
  const seen = new Map<string, Path>();
  for (const at of peers) checkPeer(checks, at, seen);
  for (const at of checks.items(["imports"])) checkAlias(checks, [...at, "set", "alias"]);
  checkEgress(checks);
  for (const key of ["peer", "control"]) checkReach(checks, key);
  checkListeners(checks, peers.length > 0);
}

function checkPeer(checks: Checks, at: Path, seen: Map<string, Path>): void {
  const node = checks.text([...at, "node"]);
  if (node?.includes(".") !== true) return;
  checks.once(seen, node, [...at, "node"], `${node} is already a peer`);
  const own = checks.text(["node"]);
  if (own !== undefined && node === `${own}.${checks.organization}`) {
    checks.say([...at, "node"], `${node} is this node itself`);
    return;
  }
  const organization = organizationOfNode(node);
  const inside = organization === checks.organization;
  const kind = checks.text([...at, "kind"]) ?? (inside ? "internal" : "external");
  if ((kind === "internal") !== inside) {
    const whose = inside ? "a node of the own organization" : `of ${organization}, another organization`;
    checks.say([...at, "kind"], `${kind} does not fit: ${node} is ${whose}`);
    return;
  }
  const role = checks.text([...at, "role"]);
  if (role !== undefined && (role === "internal") !== inside) {
    const fits = inside ? "internal" : "provider, customer or lateral";
    checks.say([...at, "role"], `${role} does not fit: the role of an ${kind} peer is ${fits}`);
  }
  const unproven = checks.text(["identity", "mode"]) === "none";
  if (!inside && !unproven && !checks.has([...at, "trust"])) {
    checks.say(at, `${node} cannot prove who it is: give trust, the certs/trust.pem of ${organization}`);
  }
}

function checkAlias(checks: Checks, path: Path): void {
  const alias = checks.text(path);
  if (alias === undefined || !alias.includes(".") || alias.endsWith(`.${checks.organization}`)) return;
  checks.say(path, `${alias} is outside the organization ${checks.organization}`);
}

function checkEgress(checks: Checks): void {
  const listen = checks.text(["egress", "listen"]);
  if (listen === undefined || isLoopback(listen) || !/:\d{1,5}$/.test(listen)) return;
  if (checks.value(["egress", "insecure"]) === true) return;
  checks.say(
    ["egress", "listen"],
    `${listen} is reachable from other machines, whose calls would go out in this node's name: "insecure": true allows it`,
  );
}

const isWildcard = (address: string): boolean => ["0.0.0.0", "::"].includes(hostOf(address));

/** Others must be told an address that leads here. */
function checkReach(checks: Checks, key: string): void {
  const listen = checks.text([key, "listen"]);
  const advertise: Path = [key, "advertise"];
  const told = checks.text(advertise);
  if (listen === undefined) {
    if (told !== undefined) checks.say(advertise, `leads nowhere without ${key}.listen`);
    return;
  }
  if (told === undefined && isWildcard(listen)) {
    checks.say(
      [key, "listen"],
      `${listen} says where to listen, not where others find it: give ${key}.advertise`,
    );
  }
  if (told !== undefined && (isWildcard(told) || told.endsWith(":0"))) {
    checks.say(advertise, `nobody can dial ${told}`);
  }
}

const LISTENERS: readonly (readonly [key: string, standard: string | undefined])[] = [
  ["ingress", "127.0.0.1:10000"],
  ["egress", "127.0.0.1:10001"],
  ["peer", undefined],
  ["control", undefined],
];

/** Defaults count only where the listener exists: egress is opened for peers. */
function checkListeners(checks: Checks, peered: boolean): void {
  const taken: { readonly key: string; readonly address: string }[] = [];
  for (const [key, standard] of LISTENERS) {
    const address = checks.text([key, "listen"]) ?? (peered || key === "ingress" ? standard : undefined);
    if (address === undefined || address.endsWith(":0")) continue;
    const before = taken.find((each) => collide(each.address, address));
    if (before === undefined) taken.push({ key, address });
    else checks.say([key, "listen"], `${address} is taken by ${before.key}.listen (${before.address})`);
  }
}

function collide(a: string, b: string): boolean {
  if (a.slice(a.lastIndexOf(":")) !== b.slice(b.lastIndexOf(":"))) return false;
  return isWildcard(a) || isWildcard(b) || hostOf(a) === hostOf(b);
}
