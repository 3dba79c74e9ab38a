// How a list of times is told. The rank is the nearest one (the smallest time that so large a share does not exceed), so that the
// 99th of a hundred is one that was measured.

/** "p50 4.21 ms, p99 11.02 ms, worst 11.40 ms (200)" */
export function percentiles(ms: readonly number[]): string {
  const sorted = ms.toSorted((a, b) => a - b);
  const at = (share: number): string => {
    const time = sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
    return time.toFixed(time < 10 ? 2 : 1);
  };
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, worst ${at(1)} ms (${sorted.length})`;
}
