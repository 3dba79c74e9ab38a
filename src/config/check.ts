// What several keys must be true of together; what one key alone must be, the schema says (schema.ts). Works on the tree as
// written, and looks only at what has the right form, so that these problems are told together with all others.

import { checkPeering } from "./check-peering.ts";
import { Checks, isLoopback } from "./checks.ts";
import type { Problem } from "./problems.ts";
import type { Path } from "./shape.ts";
import { type Tree, treeAt } from "./tree.ts";

/** Paths at ingress that belong to the node itself. */
const OWN_PATHS = ["/graphql", "/healthz", "/auth", "/.well-known"];

export function crossCheck(tree: Tree): readonly Problem[] {
  const checks = new Checks(tree);
  checkIngress(checks);
  checkIdentity(checks);
  checkServices(checks);
  checkPeering(checks);
  return checks.problems;
}

function checkIngress(checks: Checks): void {
  const listen = checks.text(["ingress", "listen"]);
  if (listen === undefined || isLoopback(listen) || !/:\d{1,5}$/.test(listen)) return;
  if (checks.has(["ingress", "tls"]) || checks.value(["ingress", "insecure"]) === true) return;
  checks.say(
    ["ingress", "listen"],
    `${listen} is reachable from other machines: give ingress.tls, or "insecure": true beside it to go without`,
  );
}

function checkIdentity(checks: Checks): void {
  const mode = checks.text(["identity", "mode"]) ?? "own";
  const jwks: Path = ["identity", "jwks"];
  if (mode === "jwks" && !checks.has(jwks)) {
    checks.say(["identity", "mode"], "jwks needs identity.jwks: where the keys of the other issuer are");
  }
  if (mode !== "jwks" && checks.has(jwks)) {
    checks.say(jwks, `is only used with identity.mode jwks, and the mode is ${mode}`);
  }
  const url = checks.text([...jwks, "url"]);
  if (url?.startsWith("http:") === true && checks.value([...jwks, "insecure"]) !== true) {
    checks.say(
      [...jwks, "url"],
      'keys fetched over http can be replaced on the way: use https, or "insecure": true',
    );
  }
}

function checkServices(checks: Checks): void {
  const list = treeAt(checks.tree, ["services"]);
  if (list?.content.type !== "list") return;
  const organization = checks.text(["organization"]) ?? "local.catalyst.internal";
  const names = new Map<string, Path>();
  const prefixes = new Map<string, Path>();
  const hosts = new Map<string, Path>();
  for (const index of list.content.items.keys()) {
    const at: Path = ["services", index];
    checkName(checks, [...at, "name"], organization, names);
    checkEndpoint(checks, at);
    checkPlace(checks, at, prefixes, hosts);
    checkProbe(checks, at);
  }
  for (const [host, path] of hosts) {
    if (names.has(host)) checks.say(path, `${host} is the full name of another service`);
  }
}

function checkName(checks: Checks, path: Path, organization: string, names: Map<string, Path>): void {
  const name = checks.text(path);
  if (name === undefined) return;
  const full = name.includes(".") ? name : `${name}.${organization}`;
  if (name.includes(".") && !name.endsWith(`.${organization}`)) {
    const [first = ""] = name.split(".");
    checks.say(path, `${name} is outside the organization ${organization}`, first);
    return;
  }
  checks.once(names, full, path, `${full} is already a service`);
}

function checkEndpoint(checks: Checks, at: Path): void {
  if (treeAt(checks.tree, at)?.content.type !== "object") return;
  if (checks.has([...at, "endpoint"]) !== checks.has([...at, "endpoints"])) return;
  checks.say(at, "exactly one of endpoint and endpoints must be given");
}

function checkPlace(checks: Checks, at: Path, prefixes: Map<string, Path>, hosts: Map<string, Path>): void {
  const ingress: Path = [...at, "ingress"];
  const protocol = checks.text([...at, "protocol"]);
  if (!checks.has(ingress)) return;
  if (protocol !== undefined && protocol !== "http") {
    checks.say(ingress, `is for protocol http; a ${protocol} service is reached in the graph`);
    return;
  }
  const host = checks.text([...ingress, "host"]);
  if (host !== undefined) checks.once(hosts, host, [...ingress, "host"], `${host} is taken`);
  const prefix = checks.text([...ingress, "prefix"]);
  if (prefix === undefined) return;
  const own = OWN_PATHS.find((each) => prefix === each || prefix.startsWith(`${each}/`));
  if (own === undefined) checks.once(prefixes, prefix, [...ingress, "prefix"], `${prefix} is taken`);
  else checks.say([...ingress, "prefix"], `${prefix} is taken: ${own} belongs to the node itself`);
}

function checkProbe(checks: Checks, at: Path): void {
  const probe: Path = [...at, "probe"];
  if (!checks.has([...probe, "path"])) return;
  if (checks.text([...probe, "kind"]) === "http") return;
  checks.say([...probe, "path"], 'is only asked by a probe of "kind": "http"');
}
