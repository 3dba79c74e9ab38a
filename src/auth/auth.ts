// The auth part as one object: keys, tokens, API keys and their HTTP side put together as the configuration says. Follows
// docs/internals/identity.md sections 1-7 and docs/internals/contracts.md sections 1 and 4.
// Invariants: this node signs only when its tokens are its own (mode "own" and, for connectivity tests, "none"); in mode
// "jwks" it verifies what another issuer signed, and every call that would mint says so.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import {
  type ApiKeyCreated,
  type ApiKeyRecord,
  type ApiKeyRequest,
  type AuthControl,
  type AuthStatus,
  CatalystError,
  type KeyRecord,
  type KeySet,
  type Signed,
  type SignRequest,
  type Verified,
} from "#rpc";
import type { SigningAlg } from "./algorithms.ts";
import { createExchange, type Exchange } from "./apikeys/exchange.ts";
import { type ApiKeyStore, openApiKeys } from "./apikeys/store.ts";
import { createHttpApp, type HttpApp } from "./http/app.ts";
import { type ListenAt, type Listening, listenHttp } from "./http/listen.ts";
import { type KeyRing, openKeyRing } from "./keys/key-ring.ts";
import type { KeyTimes } from "./keys/schedule.ts";
import { type Clock, type Instruments, type Log, NO_INSTRUMENTS, type Random } from "./ports.ts";
import { type JwksConfig, openForeignKeys } from "./sources/foreign-keys.ts";
import type { KeySource, KeyTable } from "./sources/key-source.ts";
import type { Expected } from "./tokens/claims.ts";
import { createIssuer, type Issuer } from "./tokens/issuer.ts";
import { createVerifier, type Verifier } from "./tokens/verifier.ts";
import { Watchers } from "./watchers.ts";

/** `identity` of the configuration, as far as this room reads it. */
export interface IdentityConfig {
  readonly mode: "own" | "jwks" | "none";
  readonly jwks?: JwksConfig | undefined;
  /** Expected `iss` when the keys come from a file; default: this node. */
  readonly issuer?: string | undefined;
  /** Expected and own `aud`; default: the organization. */
  readonly audience?: string | undefined;
}

export interface AuthOptions {
  readonly dataDir: string;
  /** Full name of the node: `iss` of its tokens. */
  readonly node: string;
  readonly organization: string;
  readonly identity: IdentityConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly instruments?: Instruments;
  /** Algorithm of new signing keys. Default ES384. */
  readonly alg?: SigningAlg;
  /** Shorter times of key rotation, for tests. */
  readonly keyTimes?: KeyTimes;
  /** PEM of the CA of a key server with a private one. */
  readonly ca?: string;
}

export interface Auth extends AuthControl {
  listenHttp(at: ListenAt): Promise<Listening>;
  readonly verifier: Verifier;
  /** Ends timers, sockets and the store, in that order. */
  close(): Promise<void>;
}

export async function createAuth(options: AuthOptions): Promise<Auth> {
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 });
  const ring = options.identity.mode === "jwks" ? undefined : await openRing(options);
  let source: KeySource | undefined = ring;
  try {
    source ??= await openForeignKeys({ ...options, jwks: options.identity.jwks });
    return new AuthPart(options, source, ring, openApiKeys(join(options.dataDir, "auth.db")));
  } catch (error) {
    await source?.close();
    throw error;
  }
}

const openRing = ({ dataDir, clock, log, alg, keyTimes }: AuthOptions): Promise<KeyRing> =>
  openKeyRing({
    directory: join(dataDir, "keys"),
    clock,
    log,
    ...(alg === undefined ? {} : { alg }),
    ...(keyTimes === undefined ? {} : { times: keyTimes }),
  });

function expectedOf({ identity, node, organization }: AuthOptions): Expected {
  const audience = identity.audience ?? organization;
  if (identity.mode !== "jwks") return { issuer: node, audience };
  const named =
    identity.jwks !== undefined && "issuer" in identity.jwks ? identity.jwks.issuer : identity.issuer;
  return { issuer: named ?? node, audience };
}

class AuthPart implements Auth {
  readonly verifier: Verifier;
  readonly #mode: IdentityConfig["mode"];
  readonly #expected: Expected;
  readonly #source: KeySource;
  readonly #ring: KeyRing | undefined;
  readonly #apiKeys: ApiKeyStore;
  readonly #issuer: Issuer | undefined;
  readonly #exchange: Exchange | undefined;
  readonly #watchers: Watchers;
  readonly #app: HttpApp;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #servers = new Set<Listening>();
  #keySet: KeySet;

  constructor(options: AuthOptions, source: KeySource, ring: KeyRing | undefined, apiKeys: ApiKeyStore) {
    const { clock, log, identity, instruments = NO_INSTRUMENTS } = options;
    const expected = expectedOf(options);
    this.#mode = identity.mode;
    this.#expected = expected;
    this.#source = source;
    this.#ring = ring;
    this.#apiKeys = apiKeys;
    this.#clock = clock;
    this.#log = log;
    this.#keySet = keySetOf(source.table(), expected);
    // The verifier subscribes first, so that nobody hears of new keys before its cache forgot the old ones.
    this.verifier = createVerifier({ ...expected, source, clock, instruments });
    this.#watchers = new Watchers(() => this.#keySet, log);
    source.onChange((table) => {
      this.#keySet = keySetOf(table, expected);
      this.#watchers.changed();
    });
    if (ring !== undefined) {
      this.#issuer = createIssuer({ ...expected, ring, clock, instruments });
      const keys = (): KeyTable => source.table();
      this.#exchange = createExchange({ store: apiKeys, issuer: this.#issuer, keys, clock });
    }
    this.#app = createHttpApp({
      keySet: () => this.#keySet,
      exchange: (apiKey) => this.exchange(apiKey),
      mints: ring !== undefined,
      problem: () => source.problem(),
      clock,
      log,
    });
    if (identity.mode === "none") {
      log.warn({}, "identity.mode is none: nobody is asked for a token; for connectivity tests only");
    }
  }

  async sign(request: SignRequest): Promise<Signed> {
    return this.#own(this.#issuer).sign(request);
  }

  verify(token: string, from?: string): Promise<Verified> {
    return this.verifier.verify(token, typeof from === "string" ? from : undefined);
  }

  async exchange(apiKey: string): Promise<Signed> {
    return this.#own(this.#exchange).exchange(apiKey);
  }

  async jwks(): Promise<KeySet> {
    return this.#keySet;
  }

  async watchKeys(onChange: (keys: KeySet) => void): Promise<void> {
    this.#watchers.add(onChange);
  }

  async keyList(): Promise<readonly KeyRecord[]> {
    return this.#ring?.records() ?? [];
  }

  async keyRotate(options: { readonly now: boolean }): Promise<KeyRecord> {
    return this.#own(this.#ring).rotate(options?.now === true);
  }

  async keyRevoke(kid: string): Promise<KeyRecord> {
    return this.#own(this.#ring).revoke(kid);
  }

  async apiKeyCreate(request: ApiKeyRequest): Promise<ApiKeyCreated> {
    this.#own(this.#issuer);
    const created = this.#apiKeys.create(request, this.#clock.now());
    this.#log.info(
      { id: created.id, principal: created.principal, scopes: created.scopes },
      "API key created",
    );
    return created;
  }

  async apiKeyList(): Promise<readonly ApiKeyRecord[]> {
    return this.#apiKeys.list(this.#clock.now());
  }

  async apiKeyRevoke(id: string): Promise<ApiKeyRecord> {
    const revoked = this.#apiKeys.revoke(id, this.#clock.now());
    this.#log.info({ id, principal: revoked.principal }, "API key revoked");
    // Who keeps what the key was exchanged for (the gateway, where no Envoy stands before it) forgets it with this word.
    this.#keySet = { ...this.#keySet };
    this.#watchers.changed();
    return revoked;
  }

  async apiKeyRotate(id: string, options: { readonly overlapMs: number }): Promise<ApiKeyCreated> {
    this.#own(this.#issuer);
    const created = this.#apiKeys.rotate(id, options?.overlapMs, this.#clock.now());
    this.#log.info({ id, principal: created.principal }, "API key rotated");
    return created;
  }

  async status(): Promise<AuthStatus> {
    const active = this.#ring?.records().find((key) => key.state === "active");
    const jwksAgeMs = this.#source.ageMs();
    const problem = this.#source.problem();
    return {
      ...this.#expected,
      mode: this.#mode,
      keys: this.#keySet.keys.length,
      apiKeys: this.#apiKeys.count(this.#clock.now()),
      ...(active === undefined ? {} : { activeKid: active.kid }),
      ...(jwksAgeMs === undefined ? {} : { jwksAgeMs }),
      ...(problem === undefined ? {} : { problem }),
    };
  }

  async listenHttp(at: ListenAt): Promise<Listening> {
    const server = await listenHttp(this.#app, at, this.#clock);
    this.#servers.add(server);
    return server;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#servers].map((server) => server.close()));
    this.#watchers.clear();
    this.verifier.close();
    await this.#source.close();
    this.#apiKeys.close();
  }

  /** What only a node has that mints its own tokens. */
  #own<T>(part: T | undefined): T {
    if (part !== undefined) return part;
    throw new CatalystError(
      "ERR_TOKENS_FOREIGN",
      `this node mints no tokens: ${this.#expected.issuer} does`,
      {
        hint: "set identity.mode to own, or ask that issuer",
      },
    );
  }
}

function keySetOf({ revision, byKid }: KeyTable, expected: Expected): KeySet {
  return { revision, ...expected, keys: [...byKid.values()].map((key) => key.jwk) };
}
