// Plugins from outside, named in the configuration by path or package: `plugins: [{use, with}]`. What a
// module says about itself is checked in the order in which it can fail: found, its `apiVersion`, its
// settings against its `configSchema` (Standard Schema), then what it made. Each failure is ERR_PLUGIN_LOAD
// with the configuration's key and the plugin. A plugin runs with all rights of the node: this is a door for
// programs that the operator chose, no sandbox.

import { readFileSync } from "node:fs";
import { createRequire, findPackageJSON } from "node:module";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { ConfigSchema } from "#kernel";
import type { NodeName, NodePlugin } from "#routing";
import { CatalystError } from "#rpc";

/** One entry of the configuration's `plugins`. */
export interface PluginUse {
  readonly use: string;
  readonly with?: unknown;
}

export interface LoadOptions {
  readonly node: NodeName;
  /** Folder of the configuration file: relative paths and packages are looked up from here. */
  readonly baseDir: string;
  /** Milliseconds one module may take to load; its top-level code could wait for ever. */
  readonly deadlineMs?: number;
}

/** What a plugin's module exports: `plugin`, or `create` when it has settings or wants to know the node. */
export interface PluginModule {
  readonly plugin?: NodePlugin;
  readonly create?: (
    settings: unknown,
    about: { readonly node: NodeName },
  ) => NodePlugin | Promise<NodePlugin>;
  readonly apiVersion?: 1;
  readonly configSchema?: ConfigSchema;
}

const DEADLINE_MS = 10_000;
const PLUGIN_NAME = /^[a-z][a-z0-9-]{0,63}$/;

/** In the order of the configuration; the first that fails ends it. */
export async function loadPlugins(uses: readonly PluginUse[], options: LoadOptions): Promise<NodePlugin[]> {
  const plugins: NodePlugin[] = [];
  for (const [index, use] of uses.entries()) plugins.push(await new Loading(index, use, options).run());
  return plugins;
}

class Loading {
  readonly #key: string;
  readonly #use: PluginUse;
  readonly #options: LoadOptions;

  constructor(index: number, use: PluginUse, options: LoadOptions) {
    this.#key = `plugins[${index}]`;
    this.#use = use;
    this.#options = options;
  }

  async run(): Promise<NodePlugin> {
    const module = await this.#import(this.#locate());
    this.#checkVersion(module.apiVersion ?? module.plugin?.apiVersion ?? 1);
    const settings = await this.#settings(module);
    const plugin = await this.#make(module, settings);
    this.#checkPlugin(plugin);
    return plugin;
  }

  #locate(): string {
    const { use } = this.#use;
    const { baseDir } = this.#options;
    if (use.startsWith("./") || use.startsWith("../") || isAbsolute(use)) return resolve(baseDir, use);
    try {
      return locatePackage(use, baseDir);
    } catch (error) {
      throw this.#error("", `no package of this name from ${baseDir}`, {
        cause: error,
        hint: `npm install ${use} there, or write a path beginning with "./"`,
      });
    }
  }

  async #import(file: string): Promise<PluginModule> {
    const deadlineMs = this.#options.deadlineMs ?? DEADLINE_MS;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not loaded after ${deadlineMs} ms`)), deadlineMs);
    });
    try {
      const module: unknown = await Promise.race([import(pathToFileURL(file).href), late]);
      return module as PluginModule;
    } catch (error) {
      throw this.#error("", textOf(error), { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  #checkVersion(version: unknown): void {
    if (version === 1) return;
    throw this.#error("", `it is made for plugin API ${String(version)}, this node has 1`);
  }

  /** Only paths and messages of the schema go into the error: the settings themselves may hold a secret. */
  async #settings({ configSchema, create }: PluginModule): Promise<unknown> {
    const given = this.#use.with;
    if (configSchema === undefined) {
      if (given === undefined || create !== undefined) return given;
      throw this.#error(".with", "it takes no settings");
    }
    const validate = configSchema["~standard"]?.validate;
    if (typeof validate !== "function") throw this.#error("", "its configSchema is no Standard Schema");
    const result = await validate(given ?? {});
    if (result.issues === undefined) return result.value;
    const [issue, ...more] = result.issues;
    const rest = more.length === 0 ? "" : ` (and ${more.length} more)`;
    throw this.#error(`.with${pathText(issue?.path)}`, `${issue?.message ?? "not valid"}${rest}`);
  }

  async #make({ create, plugin }: PluginModule, settings: unknown): Promise<NodePlugin> {
    if (create === undefined && plugin === undefined) {
      throw this.#error("", 'it exports neither "plugin" nor "create"', {
        hint: "docs/guides/write-a-plugin.md",
      });
    }
    try {
      const made = create === undefined ? plugin : await create(settings, { node: this.#options.node });
      if (typeof made === "object" && made !== null) return made;
    } catch (error) {
      throw this.#error("", textOf(error), { cause: error });
    }
    throw this.#error("", "what it made is no plugin");
  }

  #checkPlugin(plugin: NodePlugin): void {
    this.#checkVersion(plugin.apiVersion);
    if (typeof plugin.name !== "string" || !PLUGIN_NAME.test(plugin.name)) {
      throw this.#error("", `its name "${String(plugin.name)}" is not of the form "my-plugin"`);
    }
    for (const method of ["apply", "react", "stop"] as const) {
      if (plugin[method] === undefined || typeof plugin[method] === "function") continue;
      throw this.#error("", `its "${method}" is no function`);
    }
    const foreign = Object.keys(plugin.runners ?? {}).find((kind) => !kind.startsWith("x."));
    if (foreign !== undefined) {
      throw this.#error("", `it runs effects of kind "${foreign}"; own kinds begin with "x."`);
    }
  }

  #error(below: string, problem: string, options: { cause?: unknown; hint?: string } = {}): CatalystError {
    const text = `${this.#key}${below}: plugin "${this.#use.use}": ${problem}`;
    return new CatalystError("ERR_PLUGIN_LOAD", text, options);
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const pathText = (path: readonly (PropertyKey | { readonly key: PropertyKey })[] = []): string =>
  path
    .map((part) => (typeof part === "object" ? part.key : part))
    .map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`))
    .join("");

/**
 * The file that `import "<name>"` would load from a folder. `require` resolves most; packages for `import`
 * alone need a look.
 */
function locatePackage(name: string, baseDir: string): string {
  const from = join(baseDir, "catalyst.json");
  try {
    return createRequire(from).resolve(name);
  } catch (error) {
    const manifest = findPackageJSON(name, pathToFileURL(from));
    if (manifest === undefined) throw error;
    const entry = importEntry(JSON.parse(readFileSync(manifest, "utf8")));
    if (entry === undefined) throw error;
    return join(dirname(manifest), entry);
  }
}

/** `exports` of a package.json for the package's own name, under the conditions of `import`. */
function importEntry(manifest: unknown): string | undefined {
  let entry = member(manifest, "exports");
  entry = member(entry, ".") ?? entry;
  for (let depth = 0; depth < 4 && typeof entry === "object"; depth++) {
    entry = member(entry, "node") ?? member(entry, "import") ?? member(entry, "default");
  }
  return typeof entry === "string" ? entry : undefined;
}

const member = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
