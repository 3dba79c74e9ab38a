// Signing keys and API keys as tables. Neither holds a secret: a key shows its id, an API key the part that names it.

import type { ApiKeyCreated, ApiKeyRecord, KeyRecord } from "#rpc";
import { moment } from "./amount.ts";
import type { Style } from "./style.ts";
import { type Cell, pairs, table } from "./table.ts";

const time = (ms: number | undefined): string => (ms === undefined ? "-" : moment(ms));

export function keyTable(keys: readonly KeyRecord[], style: Style): string {
  if (keys.length === 0) return "no keys: the tokens come from another issuer";
  const rows = keys.map(({ kid, alg, state, createdAt, activeAt, removeAt }): Cell[] => [
    kid,
    alg,
    { text: state, paint: state === "active" ? style.green : state === "removed" ? style.dim : style.yellow },
    time(createdAt),
    time(activeAt),
    time(removeAt),
  ]);
  const columns = ["KID", "ALG", "STATE", "CREATED (UTC)", "SIGNS SINCE", "VERIFIES UNTIL"].map((title) => ({
    title,
  }));
  return table(columns, rows, style);
}

export function apiKeyTable(keys: readonly ApiKeyRecord[], style: Style): string {
  if (keys.length === 0) return "no API keys; make one: catalyst apikey create PRINCIPAL";
  const rows = keys.map((key): Cell[] => [
    key.id,
    key.principal,
    { text: key.state, paint: key.state === "active" ? style.green : style.dim },
    key.scopes.join(" "),
    time(key.createdAt),
    key.expiresAt === undefined ? "never" : time(key.expiresAt),
    key.lastUsedDay ?? "-",
  ]);
  const columns = ["ID", "PRINCIPAL", "STATE", "SCOPES", "CREATED (UTC)", "EXPIRES", "LAST USED"].map(
    (title) => ({ title }),
  );
  return table(columns, rows, style);
}

export function createdText(created: ApiKeyCreated, style: Style): string {
  return pairs(
    [
      ["key", { text: created.key, paint: style.bold }],
      ["id", created.id],
      ["principal", created.principal],
      ["scopes", created.scopes.join(" ")],
      ["expires", created.expiresAt === undefined ? "never" : `${moment(created.expiresAt)} UTC`],
    ],
    style,
  );
}
