// Rules of import and of export have the same verbs; which list is meant stands in the verb's name.

import type { Call } from "../verb.ts";

export const listNamed = ({ verb }: Pick<Call, "verb">): "import" | "export" =>
  verb.name.startsWith("import ") ? "import" : "export";
