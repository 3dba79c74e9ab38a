// The verbs of the command line, each once: parsing, help, completion and docs/reference/cli.md come from this table, and the
// file named by `load` does the work. Order is the order of help. Plain data; nothing is loaded until a verb is called.

import type { Flag, Verb } from "./verb.ts";
import { PEERING_VERBS, SERVICE_EXPORT_VERBS } from "./verbs-peering.ts";

/** Other names of nouns. */
export const ALIASES: Readonly<Record<string, string>> = { "service-token": "token" };

const FILES = {
  name: "FILE",
  text: "configuration files, later ones over earlier ones; default CATALYST_CONFIG, else catalyst.json or .jsonc here",
  optional: true,
  many: true,
} as const;

const WAIT: Flag = {
  name: "wait",
  value: "DURATION",
  text: "longest wait for it, default 10s; 0s = do not wait",
};

const NODE_VERBS: readonly Verb[] = [
  {
    name: "run",
    summary: "start a node",
    args: [FILES],
    flags: [
      { name: "role", value: "PART", text: "start one part alone: orchestrator, auth or gateway" },
      { name: "record", value: "FILE", text: "write every event to this file, for replay" },
    ],
    config: true,
    stays: true,
    examples: [
      ["run", "with catalyst.json of this folder, or without any"],
      [
        "run --service name=books,protocol=http:graphql,endpoint=http://127.0.0.1:5001/graphql",
        "one service, no file",
      ],
    ],
    load: () => import("./node/run.ts"),
  },
  {
    name: "demo",
    summary: "two organizations that peer, and a query over the services of both",
    flags: [
      {
        name: "nodes",
        value: "N",
        text: "a network of so many nodes of one organization instead, at most 32",
      },
      {
        name: "topology",
        value: "SHAPE",
        text: "of that network: line, ring, star, mesh, or a file; default line",
      },
      { name: "once", text: "stop when the answer is there; the exit code tells how it went" },
      { name: "keep", text: "keep the temporary folder" },
    ],
    stays: true,
    examples: [
      ["demo", "stays up until Ctrl-C"],
      ["demo --once --json", "steps, times and answer for a script"],
      ["demo --nodes 4 --topology ring", "routes converge, a request passes through"],
    ],
    load: () => import("./node/demo.ts"),
  },
  {
    name: "init",
    summary: "write a configuration, holding what is asked for, and make keys and directories",
    args: [{ name: "FILE", text: "file to write, default catalyst.json", optional: true }],
    config: true,
    examples: [
      ["init --organization acme.catalyst.internal --node edge1", "a node of an organization"],
      ["init edge.json --ingress-listen 127.0.0.1:8080", "another file, another port"],
    ],
    load: () => import("./node/init.ts"),
  },
  {
    name: "status",
    summary: "parts, services and what is wrong",
    flags: [{ name: "watch", text: "draw it again with every event, until Ctrl-C" }],
    admin: "status",
    examples: [
      ["status", "of the node that runs here"],
      ["status --watch --node edge1", "a live screen of one node"],
    ],
    load: () => import("./node/status.ts"),
  },
  {
    name: "check",
    summary: "a table of statements about the node, each true or not",
    args: [{ ...FILES, text: `with --pre: ${FILES.text}` }],
    flags: [
      { name: "pre", text: "before a start, without a node: ports, files, directories, Envoy, clock" },
      { name: "wait", value: "DURATION", text: "ask again until all is well, at most so long" },
    ],
    config: true,
    admin: "check",
    examples: [
      ["check --wait 30s", "for a script that starts a node: exit code 0 or 79"],
      ["check --pre edge.json", "would this configuration start here?"],
    ],
    load: () => import("./node/check.ts"),
  },
  {
    name: "replay",
    summary: "run a recorded file through the event loop and compare the states",
    args: [{ name: "FILE", text: "file written by run --record" }],
    examples: [
      ["replay events.rec", "exit code 0 when every state is the same"],
      ["replay events.rec --json", "revisions and hashes for a script"],
    ],
    load: () => import("./node/replay.ts"),
  },
];

const SERVICE_VERBS: readonly Verb[] = [
  {
    name: "service list",
    summary: "all services with their health",
    admin: "service.list",
    examples: [
      ["service list", ""],
      ["service list --json", "with endpoints, owners and reasons"],
    ],
    load: () => import("./service/list.ts"),
  },
  {
    name: "service show",
    summary: "one service: endpoints, owner, where it is reached, why not",
    args: [{ name: "NAME", text: "short or full name" }],
    admin: "service.show",
    examples: [
      ["service show books", ""],
      ["service show books.acme.catalyst.internal --json", ""],
    ],
    load: () => import("./service/show.ts"),
  },
  {
    name: "service add",
    summary: "add a service, or endpoints to one that was added before",
    args: [
      { name: "NAME", text: "short name, or full name inside the organization" },
      { name: "URL", text: "where it answers; several for replicas", many: true },
    ],
    flags: [
      {
        name: "protocol",
        value: "P",
        text: "http or http:graphql; default by the URL: a path /graphql is http:graphql",
      },
      { name: "prefix", value: "PATH", text: "where an http service appears at ingress" },
      { name: "strip-prefix", text: "take the prefix off before the service sees the path" },
      { name: "host", value: "HOST", text: "further host name at ingress" },
      { name: "probe", value: "KIND", text: "how to ask for its health: http, tcp, graphql or none" },
      { name: "probe-path", value: "PATH", text: "path asked by an http probe" },
      { name: "probe-interval", value: "DURATION", text: "time between two probes" },
      { name: "call-timeout", value: "DURATION", text: "time one call may take" },
      { name: "label", value: "KEY=VALUE", text: "free label", many: true },
      WAIT,
    ],
    admin: "service.add",
    examples: [
      ["service add books http://127.0.0.1:5001/graphql", "into the graph"],
      ["service add files http://127.0.0.1:5003 --prefix /files", "an http service at ingress"],
    ],
    load: () => import("./service/add.ts"),
  },
  {
    name: "service remove",
    summary: "take away a service that was added here",
    args: [{ name: "NAME", text: "short or full name" }],
    admin: "service.remove",
    examples: [
      ["service remove books", ""],
      ["service remove books --json", "with the revision of the change"],
    ],
    load: () => import("./service/remove.ts"),
  },
  ...SERVICE_EXPORT_VERBS,
];

const IDENTITY_VERBS: readonly Verb[] = [
  {
    name: "apikey create",
    summary: "a new API key; it is shown this once",
    args: [{ name: "PRINCIPAL", text: "who its tokens speak for" }],
    flags: [
      { name: "scope", value: "SERVICE", text: "a service it may reach; default all", many: true },
      { name: "expires", value: "DURATION", text: "how long it is good for; default for ever" },
    ],
    admin: "apikey.create",
    secret: true,
    examples: [
      ["apikey create ci --expires 7d", ""],
      ["apikey create dashboard --scope books --scope reviews", "for two services only"],
    ],
    load: () => import("./apikey/create.ts"),
  },
  {
    name: "apikey list",
    summary: "all API keys, without their secrets",
    admin: "apikey.list",
    examples: [
      ["apikey list", ""],
      ["apikey list --json", ""],
    ],
    load: () => import("./apikey/list.ts"),
  },
  {
    name: "apikey revoke",
    summary: "refuse an API key from now on",
    args: [{ name: "ID", text: "id as apikey list shows it" }],
    admin: "apikey.revoke",
    examples: [
      ["apikey revoke 4f7kQ2mZp0Ab", ""],
      ["apikey revoke 4f7kQ2mZp0Ab --json", ""],
    ],
    load: () => import("./apikey/revoke.ts"),
  },
  {
    name: "apikey rotate",
    summary: "a new secret in place of an old one; shown this once",
    args: [{ name: "ID", text: "id as apikey list shows it" }],
    flags: [{ name: "overlap", value: "DURATION", text: "how long the old one goes on, default 24h" }],
    admin: "apikey.rotate",
    secret: true,
    examples: [
      ["apikey rotate 4f7kQ2mZp0Ab", ""],
      ["apikey rotate 4f7kQ2mZp0Ab --overlap 0s", "the old one ends at once"],
    ],
    load: () => import("./apikey/rotate.ts"),
  },
  {
    name: "token mint",
    summary: "a token of this node",
    args: [{ name: "SUBJECT", text: "who it speaks for" }],
    flags: [
      { name: "scope", value: "SERVICE", text: "a service it may reach; default all", many: true },
      { name: "aud", value: "AUDIENCE", text: "whom it is for; default the organization" },
      { name: "ttl", value: "DURATION", text: "how long it is good for, at most 15m; default 5m" },
    ],
    admin: "token.mint",
    secret: true,
    examples: [
      ["token mint ada", ""],
      ["token mint ci --scope books --ttl 1m", "for one service, one minute"],
    ],
    load: () => import("./token/mint.ts"),
  },
  {
    name: "token verify",
    summary: "does this node accept a token?",
    args: [{ name: "TOKEN", text: 'the token, or "-" for standard input' }],
    admin: "token.verify",
    examples: [
      ["token verify - <token.txt", ""],
      ["token mint ada | catalyst token verify - --json", ""],
    ],
    load: () => import("./token/verify.ts"),
  },
  {
    name: "token show",
    summary: "what a token says, without asking whether it is true",
    args: [{ name: "TOKEN", text: 'the token, or "-" for standard input' }],
    examples: [
      ["token show - <token.txt", ""],
      ["token mint ada | catalyst token show -", ""],
    ],
    load: () => import("./token/show.ts"),
  },
  {
    name: "key list",
    summary: "the keys that sign and verify tokens",
    admin: "key.list",
    examples: [
      ["key list", ""],
      ["key list --json", ""],
    ],
    load: () => import("./key/list.ts"),
  },
  {
    name: "key rotate",
    summary: "a new signing key; the old one verifies until its tokens are gone",
    flags: [{ name: "now", text: "sign with it at once, without announcing it first" }],
    admin: "key.rotate",
    examples: [
      ["key rotate", ""],
      ["key rotate --now", "after a key may have leaked; revoke the old one then"],
    ],
    load: () => import("./key/rotate.ts"),
  },
  {
    name: "key revoke",
    summary: "refuse everything that a key signed, from now on",
    args: [{ name: "KID", text: "id as key list shows it, or the start of it" }],
    admin: "key.revoke",
    examples: [
      ["key revoke 0vPm3n2Q", ""],
      ["key revoke 0vPm3n2Q --json", ""],
    ],
    load: () => import("./key/revoke.ts"),
  },
  {
    name: "key jwks",
    summary: "the public keys as a JSON Web Key Set",
    admin: "key.jwks",
    examples: [
      ["key jwks", ""],
      ["key jwks >jwks.json", "for a verifier that takes a file"],
    ],
    load: () => import("./key/jwks.ts"),
  },
];

const LOOK_VERBS: readonly Verb[] = [
  {
    name: "query",
    summary: "send a GraphQL request through the node, as a client would",
    args: [{ name: "GRAPHQL", text: 'the document, or "-" for standard input' }],
    flags: [
      { name: "variables", value: "JSON", text: "variables as a JSON object" },
      { name: "operation", value: "NAME", text: "which operation of the document" },
      { name: "as", value: "SUBJECT", text: "whom the token speaks for, default cli" },
      {
        name: "token",
        value: "TOKEN",
        text: "this token or API key; better CATALYST_TOKEN, or --token-file",
      },
      { name: "token-file", value: "FILE", text: "a file that holds the token or API key" },
    ],
    examples: [
      ["query '{ products { name } }'", "with a token minted for it"],
      ['query - --variables \'{"id":"1"}\' <query.graphql', "the document from a file"],
    ],
    load: () => import("./look/query.ts"),
  },
  {
    name: "events",
    summary: "what happened, one line each",
    flags: [
      { name: "follow", text: "go on with what comes, until Ctrl-C" },
      { name: "after", value: "N", text: "only events after this sequence number" },
      { name: "limit", value: "N", text: "at most so many, default 100" },
    ],
    admin: "events",
    examples: [
      ["events --follow", ""],
      ["events --limit 10 --json", ""],
    ],
    load: () => import("./look/events.ts"),
  },
  {
    name: "envoy status",
    summary: "what Envoy has taken and refused, by type of resource",
    admin: "envoy.status",
    examples: [
      ["envoy status", ""],
      ["envoy status --json", "with the reason of each refusal"],
    ],
    load: () => import("./envoy/status.ts"),
  },
  {
    name: "envoy config",
    summary: "the resources published to Envoy",
    flags: [
      { name: "type", value: "TYPE", text: "only this type: listener, route, cluster, ..." },
      { name: "name", value: "NAME", text: "only the resource of this name" },
    ],
    admin: "envoy.config",
    examples: [
      ["envoy config", "a table of names and versions"],
      ["envoy config --type cluster --json", "the resources themselves"],
    ],
    load: () => import("./envoy/config.ts"),
  },
];

const CONFIG_VERBS: readonly Verb[] = [
  {
    name: "config show",
    summary: "the configuration of the running node, or of files",
    args: [{ ...FILES, text: "show what these files give, and ask no node" }],
    flags: [{ name: "origin", text: "where each value came from" }],
    config: true,
    admin: "config.show",
    examples: [
      ["config show --origin", "of the node that runs here"],
      ["config show edge.json --drain 10s", "of a file and a flag"],
    ],
    load: () => import("./config/show.ts"),
  },
  {
    name: "config validate",
    summary: "every problem of a configuration, with its place",
    args: [FILES],
    config: true,
    examples: [
      ["config validate edge.json", "exit code 0 or 65"],
      ["config validate base.jsonc edge.jsonc --json", ""],
    ],
    load: () => import("./config/validate.ts"),
  },
  {
    name: "config flags",
    summary: "the command line that equals a configuration",
    args: [FILES],
    flags: [{ name: "env", text: "the environment that equals it, instead" }],
    config: true,
    examples: [
      ["config flags edge.json", ""],
      ["config flags edge.json --env >edge.env", ""],
    ],
    load: () => import("./config/flags.ts"),
  },
  {
    name: "config schema",
    summary: "the JSON Schema of the configuration, for editors",
    examples: [
      ["config schema >catalyst.schema.json", ""],
      ["config schema | less", ""],
    ],
    load: () => import("./config/schema.ts"),
  },
];

const PROGRAM_VERBS: readonly Verb[] = [
  {
    name: "version",
    summary: "versions of the program and what it runs on",
    examples: [
      ["version", ""],
      ["version --json", ""],
    ],
    load: () => import("./program/version.ts"),
  },
  {
    name: "completion",
    summary: "completion of verbs and flags for a shell",
    args: [{ name: "SHELL", text: "bash, zsh or fish" }],
    examples: [
      ["completion bash >~/.local/share/bash-completion/completions/catalyst", ""],
      ["completion fish >~/.config/fish/completions/catalyst.fish", ""],
    ],
    load: () => import("./program/completion.ts"),
  },
];

export const GROUPS: readonly (readonly [title: string, verbs: readonly Verb[]])[] = [
  ["Node", NODE_VERBS],
  ["Services", SERVICE_VERBS],
  ["Peering", PEERING_VERBS],
  ["Identity", IDENTITY_VERBS],
  ["Looking", LOOK_VERBS],
  ["Configuration", CONFIG_VERBS],
  ["Program", PROGRAM_VERBS],
];

export const VERBS: readonly Verb[] = GROUPS.flatMap(([, verbs]) => verbs);
