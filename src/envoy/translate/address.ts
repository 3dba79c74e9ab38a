// Reads "host:port" and tells addresses from names, without node:net, which a pure room may not use.

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** "127.0.0.1:80", "[::1]:80", "name:80"; undefined when it is none of them. */
export function hostPort(text: string): HostPort | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]{2,45})\]|([A-Za-z0-9._-]{1,253})):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}

export const isIp = (host: string): boolean => isIpv4(host) || host.includes(":");

function isIpv4(host: string): boolean {
  const parts = host.split(".");
  return parts.length === 4 && parts.every((p) => /^(?:0|[1-9]\d{0,2})$/.test(p) && Number(p) <= 255);
}

const LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?";
const HOST_NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);

/** A name of dot-separated labels, lower case (RFC 1123 section 2.1). */
export const isHostName = (host: string): boolean => host.length <= 253 && HOST_NAME.test(host);
