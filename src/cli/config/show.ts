// `catalyst config show`: of the running node, or of the files, environment and flags that are given.

import { OPTIONS, ROOT, encode, originText } from "#config";
import { withNode } from "../client.ts";
import { configOf, namesNode } from "../config-source.ts";
import { count } from "../render/amount.ts";
import type { Style } from "../render/style.ts";
import { type Cell, table } from "../render/table.ts";
import type { Answer, Call } from "../verb.ts";

interface Shown {
  readonly config: unknown;
  readonly origin: Readonly<Record<string, string>>;
}

export async function run(call: Call): Promise<Answer> {
  const { config, origin } = await shown(call);
  const written = encode(ROOT, config);
  return {
    data: call.flags.on("origin") ? { config: written, origin } : written,
    text: (style) =>
      call.flags.on("origin") ? originTable(written, origin, style) : JSON.stringify(written, null, 2),
  };
}

async function shown(call: Call): Promise<Shown> {
  if (call.args.length === 0 && namesNode(call))
    return await withNode(call, (node) => node.call("config.show", {}));
  const { config, origin } = await configOf(call);
  const texts = Object.entries(origin).map(([key, each]) => [key, originText(each, call.cwd)] as const);
  return { config, origin: Object.fromEntries(texts) };
}

function originTable(config: unknown, origin: Readonly<Record<string, string>>, style: Style): string {
  const rows = OPTIONS.map(({ key }): Cell[] => {
    const value = key
      .split(".")
      .reduce<unknown>(
        (at, step) => (typeof at === "object" && at !== null ? Reflect.get(at, step) : undefined),
        config,
      );
    const from = origin[key] ?? "default";
    const text = Array.isArray(value)
      ? count(value.length, "item")
      : value === undefined
        ? "-"
        : JSON.stringify(value);
    return [key, text, from === "default" ? { text: from, paint: style.dim } : from];
  });
  const items = Object.entries(origin).filter(([key]) => key.endsWith("]"));
  const all = [...rows, ...items.map(([key, from]): Cell[] => [key, itemName(config, key), from])];
  return table(
    ["KEY", "VALUE", "FROM"].map((title) => ({ title })),
    all,
    style,
  );
}

/** "services[0]" → its name. */
function itemName(config: unknown, key: string): string {
  const [, list = "", index = ""] = /^(.*)\[(\d+)\]$/.exec(key) ?? [];
  const items: unknown =
    typeof config === "object" && config !== null ? Reflect.get(config, list) : undefined;
  const item: unknown = Array.isArray(items) ? items[Number(index)] : undefined;
  if (typeof item !== "object" || item === null) return "-";
  return String(Reflect.get(item, "name") ?? Reflect.get(item, "node") ?? Reflect.get(item, "use") ?? "-");
}
