// `catalyst service add NAME URL...`: adds it and, unless told otherwise, waits until the node serves it or says why not.

import type { ServiceAdd } from "#rpc";
import { withNode } from "../client.ts";
import { usage } from "../failure.ts";
import { durationFlag } from "../input.ts";
import { serviceText } from "../render/services.ts";
import type { Answer, Call } from "../verb.ts";

const WAIT_MS = 10_000;

export async function run(call: Call): Promise<Answer> {
  const waitMs = durationFlag(call, "wait") ?? WAIT_MS;
  const request = { ...requestOf(call), ...(waitMs === 0 ? {} : { waitMs }) };
  const service = await withNode(call, (node) =>
    node.call("service.add", request, call.globals.timeoutMs + waitMs),
  );
  return {
    data: service,
    text: (style) => serviceText(service, style),
    ...(service.health === "up" || waitMs === 0
      ? {}
      : { note: `${service.name} is added, but not served yet; see: catalyst service show ${service.name}` }),
  };
}

export function requestOf({ args, flags }: Pick<Call, "args" | "flags">): ServiceAdd {
  const [name = "", ...endpoints] = args;
  const labels = Object.fromEntries(flags.list("label").map(labelOf));
  const probe = given({
    kind: flags.text("probe"),
    path: flags.text("probe-path"),
    interval: flags.text("probe-interval"),
  });
  const ingress = given({
    prefix: flags.text("prefix"),
    host: flags.text("host"),
    stripPrefix: flags.on("strip-prefix") ? true : undefined,
  });
  return {
    name,
    endpoints: [...endpoints],
    protocol: flags.text("protocol") ?? protocolOf(endpoints[0] ?? ""),
    ...given({
      timeout: flags.text("call-timeout"),
      probe: Object.keys(probe).length === 0 ? undefined : probe,
      ingress: Object.keys(ingress).length === 0 ? undefined : ingress,
      labels: flags.list("label").length === 0 ? undefined : labels,
    }),
  };
}

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** The entries that were given. */
const given = <T extends object>(all: T): Given<T> =>
  Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Given<T>;

/** Everybody's GraphQL endpoint is called so; whoever does otherwise says --protocol. */
const protocolOf = (url: string): string => (/\/graphql\/?$/.test(url) ? "http:graphql" : "http");

function labelOf(text: string): [string, string] {
  const at = text.indexOf("=");
  if (at < 1) throw usage(`--label must be KEY=VALUE, is "${text}"`);
  return [text.slice(0, at), text.slice(at + 1)];
}
