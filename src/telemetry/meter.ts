// The instruments that rooms hold: plain numbers and arrays, written on hot paths, read only when an export
// is due. One record costs a few nanoseconds and no object; the metrics SDK costs 5 % of a small request and
// is not on the path at all. Invariant: a metric never holds more than `SERIES_MAX` series; what comes after
// goes into one series `_other`, so that no mistake in a label can fill the memory.

import { type CounterName, type GaugeName, type HistogramName, METRICS, type MetricName } from "./names.ts";

export const SERIES_MAX = 2_000;
export const OTHER = "_other";

export interface Count {
  add(by?: number): void;
}

export interface Duration {
  record(seconds: number): void;
}

/** Series of one metric by the values of its labels, in the order of the table; "" leaves a label out. */
export interface Series<S> {
  at(first?: string, second?: string): S;
}

/** A value read when an export is due, with the values of its labels. */
export type Observation = readonly [value: number, ...labels: string[]];

export interface Meter {
  counter(name: CounterName): Series<Count>;
  histogram(name: HistogramName): Series<Duration>;
  /** For what is counted elsewhere already: read at each export, never in between. */
  observe(name: GaugeName | CounterName, read: () => readonly Observation[]): void;
}

export class CountSeries implements Count {
  value = 0;
  add(by = 1): void {
    this.value += by;
  }
}

export class DurationSeries implements Duration {
  readonly counts: number[];
  readonly #bounds: readonly number[];
  sum = 0;
  count = 0;
  min = Infinity;
  max = -Infinity;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  record(seconds: number): void {
    const bounds = this.#bounds;
    let bucket = 0;
    // Fifteen bounds at most: walking them is faster than searching.
    while (bucket < bounds.length && seconds > (bounds[bucket] ?? Infinity)) bucket++;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.sum += seconds;
    this.count++;
    if (seconds < this.min) this.min = seconds;
    if (seconds > this.max) this.max = seconds;
  }
}

/** Two labels at most, so two maps: no key is built per record. */
export class Family<S> implements Series<S> {
  readonly #make: () => S;
  readonly #byFirst = new Map<string, Map<string, S>>();
  #size = 0;

  constructor(make: () => S) {
    this.#make = make;
  }

  get size(): number {
    return this.#size;
  }

  at(first = "", second = ""): S {
    const found = this.#byFirst.get(first)?.get(second);
    if (found !== undefined) return found;
    if (this.#size >= SERIES_MAX && first !== OTHER) return this.at(OTHER, second === "" ? "" : OTHER);
    return this.#add(first, second);
  }

  *entries(): Generator<readonly [first: string, second: string, series: S]> {
    for (const [first, inner] of this.#byFirst)
      for (const [second, each] of inner) yield [first, second, each];
  }

  #add(first: string, second: string): S {
    let inner = this.#byFirst.get(first);
    if (inner === undefined) this.#byFirst.set(first, (inner = new Map()));
    const series = this.#make();
    inner.set(second, series);
    this.#size++;
    return series;
  }
}

export class LiveMeter implements Meter {
  readonly counters = new Map<CounterName, Family<CountSeries>>();
  readonly histograms = new Map<HistogramName, Family<DurationSeries>>();
  readonly observed = new Map<GaugeName | CounterName, (() => readonly Observation[])[]>();

  counter(name: CounterName): Series<Count> {
    return once(this.counters, name, () => new Family(() => new CountSeries()));
  }

  histogram(name: HistogramName): Series<Duration> {
    const { buckets } = METRICS[name];
    return once(this.histograms, name, () => new Family(() => new DurationSeries(buckets)));
  }

  observe(name: GaugeName | CounterName, read: () => readonly Observation[]): void {
    once(this.observed, name, () => []).push(read);
  }
}

function once<N extends MetricName, V>(map: Map<N, V>, name: N, make: () => V): V {
  const known = map.get(name);
  if (known !== undefined) return known;
  const made = make();
  map.set(name, made);
  return made;
}

const nothing = (): void => undefined;
const noSeries: Series<Count & Duration> = { at: () => noSeriesItem };
const noSeriesItem: Count & Duration = { add: nothing, record: nothing };

/** Telemetry that is off: the same objects for everyone, nothing kept. */
export const NO_METER: Meter = { counter: () => noSeries, histogram: () => noSeries, observe: nothing };
