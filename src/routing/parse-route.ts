// A route as bytes from outside claim it, made one of ours or refused with the reason: form and budget, nothing that needs to know
// who tells it (that is origin.ts). Written by hand: it runs for every received route, and a general validator costs as much as all
// the rest of the way. Names of nodes and organizations recur, so each is checked once and kept, which also makes equal ones the
// same string. Invariant: what comes out holds only known fields, and nothing that the sender could still reach.

import { canonicalProtocol } from "./canonical-protocol.ts";
import { type Detailed, detailsOf } from "./details.ts";
import type { RouteProblem } from "./rejection.ts";
import type { Route, RouteVersion, Scope } from "./route.ts";
import type { Health } from "./service.ts";

/** Budget of one route (docs/internals/decision.md section 1). */
export const ROUTE = {
  keyBytes: 512,
  hops: 32,
  communities: 64,
  bytes: 8_192,
  /** As in the configuration's schema. */
  communityBytes: 256,
  labels: 64,
} as const;

/** What DNS allows a name (RFC 1035 section 2.3.4), for nodes and organizations. */
const NAME_BYTES = 253;
const NAMES_KEPT = 16_384;
const SCOPES: ReadonlySet<string> = new Set<Scope>(["node", "organization", "direct", "transitive"]);
const HEALTHS: ReadonlySet<string> = new Set<Health>(["up", "down", "unknown"]);
/** SHA-256 in base64url. */
const HASH = /^[A-Za-z0-9_-]{43}$/;
const ADDRESS = /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\]):[1-9][0-9]{0,4}$/;
const BANG = 33;
/** Details as `detailsOf` writes them, of letters that nobody has to escape: such a text is taken as it is. */
const TEXT = String.raw`"[^"\\\u0000-\u001f\ud800-\udfff]*"`;
const TAG = `"[a-z0-9._-]+:[a-z0-9._-]*"`;
const SHA = `"[A-Za-z0-9_-]{43}"`;
const list = (item: string): string => `${item}(?:,${item})*`;
const LABELS = String.raw`\{${list(`${TEXT}:${TEXT}`)}\}`;
const DETAILS = new RegExp(
  String.raw`^\[\[(?:${list(TAG)})?\],(?:0|${TEXT}),(?:0|${SHA}),(?:0|${SHA}),(?:0|${LABELS})\]$`,
);
/** Nothing that fits in here is too long or too much. */
const DETAILS_BYTES = ROUTE.communityBytes;

export type Parsed =
  | { readonly ok: true; readonly route: Route }
  | { readonly ok: false; readonly key: string; readonly problem: RouteProblem };

type Fields = Readonly<Record<string, unknown>>;

class Wrong extends Error {
  readonly problem: RouteProblem;
  constructor(reason: RouteProblem["reason"], text: string) {
    super(text);
    this.problem = { reason, text };
  }
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** What routes have in common: checked, with the protocol as it was said. */
interface Way extends Pick<
  Route,
  "protocol" | "origin" | "orgPath" | "nodePath" | "nextHop" | "nextHopAddress" | "scope" | "cost" | "health"
> {
  readonly said: string;
}

export class RouteParser {
  #names = new Map<string, string>();
  #last: Way | undefined;
  #lastDetails = detailsOf({});

  parse(value: unknown): Parsed {
    let key = "";
    try {
      const fields = fieldsOf(value, "route");
      if (typeof fields["key"] === "string") key = fields["key"].slice(0, ROUTE.keyBytes);
      return { ok: true, route: this.#route(fields) };
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      return { ok: false, key, problem: error.problem };
    }
  }

  #route(fields: Fields): Route {
    const { key, onlyToCustomer, localPreference } = fields;
    if (typeof key !== "string" || !isName(key, ROUTE.keyBytes)) throw wrong("key");
    const version = versionOf(fields["version"]);
    const way = this.#way(fields);
    const details = this.#details(fields["details"]);
    const route: Writable<Route> = {
      key,
      protocol: way.protocol,
      origin: way.origin,
      version,
      orgPath: way.orgPath,
      nodePath: way.nodePath,
      nextHop: way.nextHop,
      nextHopAddress: way.nextHopAddress,
      scope: way.scope,
      cost: way.cost,
      notAfter: countOf(fields["notAfter"], "notAfter"),
      health: way.health,
      details,
    };
    // Spreads of what may be missing would cost as much as all else.
    if (onlyToCustomer !== undefined) route.onlyToCustomer = this.#name(onlyToCustomer, "onlyToCustomer");
    if (localPreference !== undefined) route.localPreference = countOf(localPreference, "localPreference");
    if (sizeOf(route) > ROUTE.bytes) throw new Wrong("too-large", `more than ${ROUTE.bytes} bytes`);
    return route;
  }

  /** The last one again where a route says the same: routes of one frame mostly do. */
  #way(fields: Fields): Way {
    const last = this.#last;
    if (last !== undefined && saysSame(fields, last)) return last;
    const { protocol, scope, health } = fields;
    if (typeof protocol !== "string") throw wrong("protocol");
    const known = canonicalProtocol(protocol);
    if (known === undefined)
      throw new Wrong("unknown-protocol", `protocol "${protocol.slice(0, 32)}" is not known`);
    if (typeof scope !== "string" || !SCOPES.has(scope)) throw wrong("scope");
    if (typeof health !== "string" || !HEALTHS.has(health)) throw wrong("health");
    const way: Way = {
      said: protocol,
      protocol: known,
      origin: this.#name(fields["origin"], "origin"),
      orgPath: this.#path(fields["orgPath"], "orgPath"),
      nodePath: this.#path(fields["nodePath"], "nodePath"),
      nextHop: this.#name(fields["nextHop"], "nextHop"),
      nextHopAddress: this.#address(fields["nextHopAddress"]),
      scope: scope as Scope,
      cost: countOf(fields["cost"], "cost"),
      health: health as Health,
    };
    this.#last = way;
    return way;
  }

  /** Written as this node writes it, which nearly every text is already. */
  #details(value: unknown): string {
    if (value === this.#lastDetails) return this.#lastDetails;
    if (typeof value !== "string") throw wrong("details");
    const asWritten = value.length <= DETAILS_BYTES && DETAILS.test(value);
    return (this.#lastDetails = asWritten ? value : detailsOf(detailedOf(value)));
  }

  #path(value: unknown, field: string): string[] {
    if (!Array.isArray(value) || value.length === 0) throw wrong(field);
    if (value.length > ROUTE.hops) throw new Wrong("too-large", `${field} has more than ${ROUTE.hops} hops`);
    const path: string[] = [];
    for (const name of value) path.push(this.#name(name, field));
    return path;
  }

  #name(value: unknown, field: string): string {
    if (typeof value !== "string") throw wrong(field);
    const known = this.#names.get(value);
    if (known !== undefined) return known;
    if (!isName(value, NAME_BYTES)) throw wrong(field);
    return this.#keep(value);
  }

  #address(value: unknown): string {
    if (typeof value !== "string") throw wrong("nextHopAddress");
    const known = this.#names.get(value);
    if (known !== undefined) return known;
    const port = Number(value.slice(value.lastIndexOf(":") + 1));
    if (value.length > NAME_BYTES + 8 || !ADDRESS.test(value) || port > 65_535) throw wrong("nextHopAddress");
    return this.#keep(value);
  }

  #keep(name: string): string {
    // Who sends ever new names only makes it forget: all is checked again then.
    if (this.#names.size >= NAMES_KEPT) this.#names = new Map();
    this.#names.set(name, name);
    return name;
  }
}

const wrong = (field: string): Wrong => new Wrong("malformed", `${field} has the wrong form`);

function fieldsOf(value: unknown, field: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(field);
  for (const name in value) {
    if (name.charCodeAt(0) === BANG)
      throw new Wrong("critical-field", `field "${name.slice(0, 64)}" is not known`);
  }
  return value as Fields;
}

function versionOf(value: unknown): RouteVersion {
  const { epoch, seq } = fieldsOf(value, "version");
  return { epoch: countOf(epoch, "version"), seq: countOf(seq, "version") };
}

function countOf(value: unknown, field: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw wrong(field);
  return value;
}

function communitiesOf(value: unknown): string[] {
  if (!Array.isArray(value)) throw wrong("communities");
  if (value.length > ROUTE.communities)
    throw new Wrong("too-large", `more than ${ROUTE.communities} communities`);
  const communities: string[] = [];
  for (const one of value) {
    if (typeof one !== "string" || one.length > ROUTE.communityBytes || one.indexOf(":") < 1)
      throw wrong("communities");
    communities.push(one);
  }
  return communities;
}

/** What is not said is 0; what follows the five is of newer versions. */
function detailedOf(text: string): Detailed {
  const [communities, region, schema, descriptor, labels] = partsOf(text);
  const detailed: Writable<Detailed> = { communities: communitiesOf(communities) };
  if (region !== 0) detailed.region = textOf(region, "region");
  if (schema !== 0) detailed.schema = hashOf(schema, "schema");
  if (descriptor !== 0) detailed.descriptor = hashOf(descriptor, "descriptor");
  if (labels !== 0) detailed.labels = labelsOf(fieldsOf(labels, "labels"));
  return detailed;
}

function partsOf(text: string): readonly unknown[] {
  // Before it is read: what is too long as text is too long whatever it says.
  if (text.length > ROUTE.bytes) throw new Wrong("too-large", `more than ${ROUTE.bytes} bytes`);
  try {
    const parts: unknown = JSON.parse(text);
    if (Array.isArray(parts)) return parts;
  } catch {
    // Text that is no JSON is refused like JSON of another form.
  }
  throw wrong("details");
}

function textOf(value: unknown, field: string): string {
  if (typeof value !== "string" || value.length > ROUTE.communityBytes) throw wrong(field);
  return value;
}

function hashOf(value: unknown, field: string): string {
  if (typeof value !== "string" || !HASH.test(value)) throw wrong(field);
  return value;
}

function labelsOf(fields: Fields): Record<string, string> {
  const labels: Record<string, string> = {};
  const names = Object.keys(fields);
  if (names.length > ROUTE.labels) throw new Wrong("too-large", `more than ${ROUTE.labels} labels`);
  for (const name of names) {
    const value = textOf(fields[name], "labels");
    // A label called so is one like any other, and no prototype.
    if (textOf(name, "labels") === "__proto__") own(labels, name, value);
    else labels[name] = value;
  }
  return labels;
}

const own = (labels: Record<string, string>, name: string, value: string): unknown =>
  Object.defineProperty(labels, name, { value, enumerable: true, configurable: true, writable: true });

function saysSame(fields: Fields, way: Way): boolean {
  return (
    fields["origin"] === way.origin &&
    fields["nextHop"] === way.nextHop &&
    fields["nextHopAddress"] === way.nextHopAddress &&
    fields["protocol"] === way.said &&
    fields["scope"] === way.scope &&
    fields["cost"] === way.cost &&
    fields["health"] === way.health &&
    sameNames(fields["nodePath"], way.nodePath) &&
    sameNames(fields["orgPath"], way.orgPath)
  );
}

function sameNames(value: unknown, names: readonly string[]): boolean {
  if (!Array.isArray(value) || value.length !== names.length) return false;
  for (let at = 0; at < names.length; at++) if (value[at] !== names[at]) return false;
  return true;
}

/** Full names are lower-case DNS names with at least two labels. */
function isName(text: string, bytes: number): boolean {
  if (text.length > bytes) return false;
  let label = 0;
  let dots = 0;
  let last = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === 46) {
      if (label === 0 || last === 45) return false;
      label = 0;
      dots += 1;
    } else {
      const plain = (unit >= 97 && unit <= 122) || (unit >= 48 && unit <= 57);
      if (!plain && (unit !== 45 || label === 0)) return false;
      label += 1;
      if (label > 63) return false;
    }
    last = unit;
  }
  return label > 0 && last !== 45 && dots > 0;
}

/** As JSON, closely: details count as bytes of UTF-8, what stands around names a fixed amount. */
function sizeOf({ key, orgPath, nodePath, details }: Route): number {
  let size = 400 + key.length;
  for (const name of orgPath) size += name.length + 3;
  for (const name of nodePath) size += name.length + 3;
  // Most are far below the budget whatever their letters are.
  return size + details.length * 3 > ROUTE.bytes ? size + bytesOf(details) : size;
}

function bytesOf(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) bytes += unit > 0x7ff ? 2 : 1;
  }
  return bytes;
}
