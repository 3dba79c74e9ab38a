// Keys fetched from a URL: by timer, with the last good answer on disk. Exists because the stock client fails every token
// ten minutes after the provider died, and makes one fetch per bad token while it is down. Follows docs/internals/identity.md
// section 4. Invariants: one fetch at a time; failures back off for all callers together; an unknown `kid` causes at most one fetch
// per 30 s; keys that nobody confirmed for 24 h are dropped, and with them every token they signed.

import {
  JWKS_BACKOFF_MAX_MS,
  JWKS_BACKOFF_MIN_MS,
  JWKS_MAX_AGE_S,
  JWKS_REFRESH_MAX_MS,
  JWKS_REFRESH_MIN_MS,
  JWKS_STALE_MAX_MS,
  JWKS_UNKNOWN_KID_MS,
} from "../limits.ts";
import { Listeners } from "../listeners.ts";
import { type Clock, type Instruments, type Log, type Random, reasonOf } from "../ports.ts";
import { discoveryOf, isDiscovery, readDiscovery } from "./discovery.ts";
import { type Fetched, fetchJson, type FetchRules } from "./fetch-json.ts";
import { parseJwks } from "./jwks.ts";
import { EMPTY_TABLE, type KeySource, type KeyTable, nextTable } from "./key-source.ts";
import { type Answer, type LastGood, lastGood } from "./last-good.ts";

export interface JwksUrlOptions {
  /** The key set, or the discovery document that names it. */
  readonly url: string;
  readonly issuer: string;
  readonly insecure: boolean;
  readonly ca?: string;
  /** `<dataDir>/jwks` */
  readonly directory: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly instruments: Instruments;
}

/** Waits for the first answer only when nothing is on disk; a server that is away does not stop the start. */
export async function openJwksUrl(options: JwksUrlOptions): Promise<KeySource & { idle(): Promise<void> }> {
  const source = new JwksUrl(options);
  await source.open();
  return source;
}

class JwksUrl implements KeySource {
  readonly #options: JwksUrlOptions;
  readonly #url: URL;
  readonly #rules: FetchRules;
  readonly #disk: LastGood;
  readonly #listeners: Listeners<KeyTable>;
  #table = EMPTY_TABLE;
  #answer: Answer | undefined;
  #savedAt = 0;
  /** Age of the answer when it came in, and the monotonic time of that moment. */
  #ageBase = { ageMs: 0, at: 0 };
  #problem: string | undefined;
  #refreshMs = JWKS_MAX_AGE_S * 1_000;
  #failures = 0;
  #lastAttempt = Number.NEGATIVE_INFINITY;
  #discovered = false;
  #flight: Promise<void> | undefined;
  #cancel: (() => void) | undefined;
  #closed = false;

  constructor(options: JwksUrlOptions) {
    const { url, issuer, directory, log, clock, insecure, ca } = options;
    this.#options = options;
    this.#url = new URL(url);
    this.#rules = { clock, insecure, ...(ca === undefined ? {} : { ca }) };
    this.#disk = lastGood(directory, url, issuer, log);
    this.#listeners = new Listeners((error) => log.error({ reason: reasonOf(error) }, "a listener failed"));
  }

  async open(): Promise<void> {
    const saved = await this.#disk.read();
    if (saved !== undefined) this.#takeSaved(saved);
    const first = this.#fetch();
    if (this.#table === EMPTY_TABLE) await first;
  }

  table(): KeyTable {
    return this.#table;
  }

  async refresh(): Promise<void> {
    const { clock } = this.#options;
    if (this.#flight === undefined && clock.monotonic() - this.#lastAttempt < JWKS_UNKNOWN_KID_MS) return;
    await this.#fetch();
  }

  onChange(listener: (table: KeyTable) => void): () => void {
    return this.#listeners.add(listener);
  }

  problem(): string | undefined {
    return this.#problem;
  }

  ageMs(): number | undefined {
    if (this.#answer === undefined) return undefined;
    const { clock } = this.#options;
    // The larger of two ages: the wall clock may be set back, the monotonic one stands still while a machine sleeps.
    const counted = this.#ageBase.ageMs + clock.monotonic() - this.#ageBase.at;
    return Math.max(clock.now() - this.#answer.fetchedAt, counted);
  }

  async idle(): Promise<void> {
    await this.#flight;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel?.();
    await this.#flight;
  }

  #takeSaved(saved: Answer): void {
    const { clock, log } = this.#options;
    const ageMs = Math.max(0, clock.now() - saved.fetchedAt);
    if (ageMs > JWKS_STALE_MAX_MS) return;
    try {
      this.#accept(saved, ageMs);
      this.#savedAt = saved.fetchedAt;
    } catch (error) {
      log.warn({ reason: reasonOf(error) }, "the saved key set is not usable");
    }
  }

  #fetch(): Promise<void> {
    this.#flight ??= this.#attempt().finally(() => {
      this.#flight = undefined;
      this.#arm();
    });
    return this.#flight;
  }

  async #attempt(): Promise<void> {
    const { clock, log, instruments } = this.#options;
    this.#lastAttempt = clock.monotonic();
    try {
      const fetched = await this.#get();
      await this.#take(fetched);
      instruments.jwksFetch(fetched.status === 304 ? "unchanged" : "ok");
      if (this.#problem !== undefined) log.info({ url: this.#url.href }, "key set fetched again");
      this.#problem = undefined;
      this.#failures = 0;
    } catch (error) {
      this.#failures += 1;
      instruments.jwksFetch("failed");
      const problem = `key set of ${this.#options.issuer}: ${reasonOf(error)}`;
      if (problem !== this.#problem) log.warn({ url: this.#url.href, reason: reasonOf(error) }, "no key set");
      this.#problem = problem;
    }
  }

  async #get(): Promise<Fetched> {
    const url = await this.#keysUrl();
    const fetched = await fetchJson(url, this.#rules, this.#answer?.etag);
    const unchanged = fetched.status === 304 && this.#answer !== undefined;
    if (fetched.status !== 200 && !unchanged) throw new Error(`${url.host} answers ${fetched.status}`);
    return fetched;
  }

  /** Where the keys are, after asking the issuer's discovery document. */
  async #keysUrl(): Promise<URL> {
    const { issuer } = this.#options;
    if (isDiscovery(this.#url)) {
      const answer = await fetchJson(this.#url, this.#rules);
      if (answer.status !== 200) throw new Error(`${this.#url.host} answers ${answer.status} to discovery`);
      return readDiscovery(answer, issuer);
    }
    const document = discoveryOf(issuer);
    if (this.#discovered || document === undefined) return this.#url;
    // The URL was given, so discovery only cross-checks it: an issuer without the document is none the worse, and one that
    // cannot answer now is asked again with the next fetch of the keys.
    const answer = await fetchJson(document, this.#rules).catch((error: unknown) => {
      this.#options.log.warn(
        { issuer, reason: reasonOf(error) },
        "discovery did not answer, the keys' URL is unchecked",
      );
      return undefined;
    });
    if (answer?.status === 200) {
      const named = readDiscovery(answer, issuer);
      if (named.href !== this.#url.href) {
        throw new Error(
          `the issuer's keys are at ${named.href.slice(0, 256)}, configured is ${this.#url.href}`,
        );
      }
    }
    this.#discovered = answer?.status === 200 || answer?.status === 404;
    return this.#url;
  }

  async #take(fetched: Fetched): Promise<void> {
    const now = this.#options.clock.now();
    const body = fetched.status === 304 ? (this.#answer?.body ?? "") : fetched.body;
    const changed = body !== this.#answer?.body;
    this.#refreshMs = refreshMs(fetched.cacheControl);
    const answer = { fetchedAt: now, etag: fetched.etag ?? (changed ? undefined : this.#answer?.etag), body };
    this.#accept(answer, 0);
    // An unchanged set is saved once an hour only, to spare the disk; its age is then over-, never underestimated.
    if (changed || now - this.#savedAt > JWKS_REFRESH_MAX_MS) {
      this.#savedAt = now;
      await this.#disk.write(answer);
    }
  }

  /** Throws, and changes nothing, when the body is no usable key set. */
  #accept(answer: Answer, ageMs: number): void {
    const { clock } = this.#options;
    const keys = parseJwks(answer.body);
    this.#answer = answer;
    this.#ageBase = { ageMs, at: clock.monotonic() };
    this.#publish(nextTable(this.#table, keys, clock.now()));
  }

  #publish(table: KeyTable): void {
    if (table === this.#table) return;
    this.#table = table;
    this.#listeners.call(table);
  }

  #arm(): void {
    this.#cancel?.();
    if (this.#closed) return;
    const { clock, random } = this.#options;
    const doublings = Math.min(this.#failures - 1, 16);
    const wait =
      this.#failures === 0
        ? this.#refreshMs
        : Math.min(JWKS_BACKOFF_MIN_MS * 2 ** doublings, JWKS_BACKOFF_MAX_MS);
    // Between 80 and 100 % of it, so that many nodes do not ask at the same moment.
    this.#cancel = clock.after(wait * (0.8 + 0.2 * random.next()), () => {
      this.#dropStale();
      void this.#fetch();
    });
  }

  #dropStale(): void {
    const age = this.ageMs();
    if (age === undefined || age <= JWKS_STALE_MAX_MS) return;
    this.#options.log.error({ url: this.#url.href, ageMs: age }, "the key set is too old and is dropped");
    this.#answer = undefined;
    this.#publish(nextTable(this.#table, [], this.#options.clock.now()));
  }
}

function refreshMs(cacheControl: string | undefined): number {
  const seconds = /(?:^|[,\s])max-age=(\d{1,9})/i.exec(cacheControl ?? "")?.[1];
  const wanted = seconds === undefined ? JWKS_MAX_AGE_S * 1_000 : Number(seconds) * 1_000;
  return Math.min(Math.max(wanted, JWKS_REFRESH_MIN_MS), JWKS_REFRESH_MAX_MS);
}
