// What `init` made, and the two things to know next: what a peer is given, and how the node is started.

import { moment } from "./amount.ts";
import type { Style } from "./style.ts";
import { pairs } from "./table.ts";

export interface Made {
  /** The file's path, short. */
  readonly shown: string;
  readonly node: string;
  readonly dataDir: string;
  /** In the data directory. */
  readonly made: readonly string[];
  readonly kept: readonly string[];
  readonly trust: string;
  readonly certificate?: { readonly spiffeId: string; readonly notAfter: number };
  /** The command that starts it. */
  readonly start: string;
}

export function initText(made: Made, style: Style): string {
  const { certificate } = made;
  const rows = pairs(
    [
      ["data", made.dataDir],
      made.made.length === 0 ? undefined : ["made", made.made.join("  ")],
      made.kept.length === 0 ? undefined : ["kept", made.kept.join("  ")],
      certificate === undefined
        ? ["known as", "nobody yet: certs/node.pem comes from who holds the key of certs/trust.pem"]
        : ["known as", `${certificate.spiffeId} until ${moment(certificate.notAfter).slice(0, 10)}`],
      ["for peers", `${made.trust} (nothing in keys/ is for anybody else)`],
      ["next", { text: made.start, paint: style.bold }],
    ],
    style,
  );
  return `wrote ${style.bold(made.shown)} for node ${style.bold(made.node)}\n${rows}`;
}
