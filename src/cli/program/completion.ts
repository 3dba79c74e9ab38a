// `catalyst completion SHELL`: a script that completes nouns, verbs and flags. The lists stand in the script, so that pressing
// Tab starts no program.

import { OPTIONS } from "#config";
import { usage } from "../failure.ts";
import { GLOBAL_FLAGS } from "../parse.ts";
import type { Answer, Call, Verb } from "../verb.ts";
import { ALIASES, VERBS } from "../verbs.ts";

const SHELLS = { bash, zsh, fish } as const;

export async function run({ args }: Call): Promise<Answer> {
  const shell = args[0] ?? "";
  const write = Object.hasOwn(SHELLS, shell) ? SHELLS[shell as keyof typeof SHELLS] : undefined;
  if (write === undefined) {
    throw usage(
      `no completion for "${shell}"; there is one for ${Object.keys(SHELLS).join(", ")}`,
      "catalyst completion bash",
    );
  }
  const script = write();
  return { data: { shell, script }, text: () => script };
}

const firstWords = (): string[] => [
  ...new Set([...VERBS.map(({ name }) => name.split(" ")[0] ?? ""), ...Object.keys(ALIASES), "help"]),
];

const secondWords = (noun: string): string[] =>
  VERBS.flatMap(({ name }) => {
    const [first, second] = name.split(" ");
    return first === noun && second !== undefined ? [second] : [];
  });

const nouns = (): (readonly [string, readonly string[]])[] =>
  firstWords().flatMap((word) => {
    const verbs = secondWords(ALIASES[word] ?? word);
    return verbs.length === 0 ? [] : [[word, verbs] as const];
  });

/** All flags of a verb, with hyphens. */
const flagsOf = (verb: Verb): string[] => [
  ...(verb.flags ?? []).map(({ name }) => `--${name}`),
  ...(verb.config === true ? [...OPTIONS.map(({ flag }) => `--${flag}`), "--set"] : []),
  ...GLOBAL_FLAGS.map(({ name }) => `--${name}`).filter(
    (flag) => verb.config !== true || !/node|data-dir/.test(flag),
  ),
  "--help",
];

/** The verb as it stands in a shell's word list, by each of its names. */
const namesOf = ({ name }: Verb): string[] => [
  name,
  ...Object.entries(ALIASES).flatMap(([alias, noun]) =>
    name.startsWith(`${noun} `) ? [name.replace(noun, alias)] : [],
  ),
];

function bash(): string {
  const verbs = nouns().map(([noun, each]) => `    ${noun}) words="${each.join(" ")}" ;;`);
  const flags = VERBS.map(
    (verb) =>
      `    ${namesOf(verb)
        .map((name) => `"${name}"`)
        .join("|")}) words="${flagsOf(verb).join(" ")}" ;;`,
  );
  const shortFlags = VERBS.filter(({ name }) => !name.includes(" ")).map(({ name }) => name);
  return `# bash completion of catalyst
_catalyst() {
  local current="\${COMP_WORDS[COMP_CWORD]}" first="\${COMP_WORDS[1]:-}" second="\${COMP_WORDS[2]:-}" words=""
  local name="$first $second"
  case " ${shortFlags.join(" ")} " in *" $first "*) name="$first" ;; esac
  if [[ $COMP_CWORD -eq 1 ]]; then
    words="${firstWords().join(" ")}"
  elif [[ $current == -* ]]; then
    case "$name" in
${flags.join("\n")}
    esac
  elif [[ $COMP_CWORD -eq 2 ]]; then
    case "$first" in
${verbs.join("\n")}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [[ -n $words ]] || compopt -o default 2>/dev/null
}
complete -F _catalyst catalyst ./catalyst`;
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function zsh(): string {
  const described = (words: readonly (readonly [string, string])[]): string =>
    words.map(([word, text]) => quoted(`${word}:${text.replaceAll(":", "\\:")}`)).join(" ");
  const first = firstWords().map(
    (word) => [word, VERBS.find(({ name }) => name === word)?.summary ?? ""] as const,
  );
  const second = nouns().map(([noun, verbs]) => {
    const list = verbs.map(
      (verb) =>
        [verb, VERBS.find(({ name }) => name === `${ALIASES[noun] ?? noun} ${verb}`)?.summary ?? ""] as const,
    );
    return `    ${noun}) words=(${described(list)}) ;;`;
  });
  const flags = VERBS.map(
    (verb) => `    ${namesOf(verb).map(quoted).join("|")}) compadd -- ${flagsOf(verb).join(" ")} ;;`,
  );
  const single = VERBS.filter(({ name }) => !name.includes(" ")).map(({ name }) => name);
  return `#compdef catalyst
# zsh completion of catalyst
_catalyst() {
  local -a words_given=("\${words[@]}") words
  local first="\${words_given[2]}" name="\${words_given[2]} \${words_given[3]}"
  case "$first" in ${single.join("|")}) name="$first" ;; esac
  if (( CURRENT == 2 )); then
    words=(${described(first)})
    _describe verb words
  elif [[ "\${words_given[CURRENT]}" == -* ]]; then
    case "$name" in
${flags.join("\n")}
    esac
  elif (( CURRENT == 3 )); then
    case "$first" in
${second.join("\n")}
    *) _files; return ;;
    esac
    _describe verb words
  else
    _files
  fi
}
compdef _catalyst catalyst`;
}

function fish(): string {
  const fishQuoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const lines = ["# fish completion of catalyst", "complete -c catalyst -f"];
  const known = firstWords();
  for (const word of known) {
    const text = VERBS.find(({ name }) => name === word)?.summary ?? "";
    lines.push(`complete -c catalyst -n __fish_use_subcommand -a ${word} -d ${fishQuoted(text)}`);
  }
  for (const verb of VERBS) {
    for (const name of namesOf(verb)) {
      const [first = "", second] = name.split(" ");
      if (second !== undefined) {
        const until = secondWords(ALIASES[first] ?? first).join(" ");
        const when = `__fish_seen_subcommand_from ${first}; and not __fish_seen_subcommand_from ${until}`;
        lines.push(`complete -c catalyst -n '${when}' -a ${second} -d ${fishQuoted(verb.summary)}`);
      }
      const seen = `__fish_seen_subcommand_from ${first}${second === undefined ? "" : `; and __fish_seen_subcommand_from ${second}`}`;
      for (const { name: flag, text, value } of verb.flags ?? []) {
        const takes = value === undefined ? "" : " -r";
        lines.push(`complete -c catalyst -n '${seen}' -l ${flag}${takes} -d ${fishQuoted(text)}`);
      }
      if (verb.config !== true) continue;
      for (const { flag, shape, text } of OPTIONS) {
        lines.push(
          `complete -c catalyst -n '${seen}' -l ${flag}${shape.type === "boolean" ? "" : " -r"} -d ${fishQuoted(text)}`,
        );
      }
    }
  }
  for (const { name, value, text } of GLOBAL_FLAGS) {
    lines.push(`complete -c catalyst -l ${name}${value === undefined ? "" : " -r"} -d ${fishQuoted(text)}`);
  }
  return lines.join("\n");
}
