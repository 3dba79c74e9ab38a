// What every process says of itself: processor time, memory, event loop, collections, descriptors. Measured
// only while telemetry is on; read when an export is due. Stopping gives everything back.

import { readdirSync } from "node:fs";
import { constants, monitorEventLoopDelay, performance, PerformanceObserver } from "node:perf_hooks";
import type { Meter } from "./meter.ts";

const NANOSECONDS = 1e9;
const MICROSECONDS = 1e6;

export function measureProcess(meter: Meter): () => void {
  meter.observe("process.cpu.time", () => {
    const { user, system } = process.cpuUsage();
    return [
      [user / MICROSECONDS, "user"],
      [system / MICROSECONDS, "system"],
    ];
  });
  meter.observe("process.memory.usage", () => [[process.memoryUsage.rss()]]);
  meter.observe("v8js.memory.heap.used", () => [[process.memoryUsage().heapUsed]]);
  meter.observe("process.uptime", () => [[process.uptime()]]);
  meter.observe("process.open_file_descriptor.count", descriptors);
  const stopLoop = measureLoop(meter);
  const stopCollections = measureCollections(meter);
  return () => {
    stopLoop();
    stopCollections();
  };
}

function measureLoop(meter: Meter): () => void {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  let before = performance.eventLoopUtilization();
  meter.observe("nodejs.eventloop.delay.p50", () => [[delay.percentile(50) / NANOSECONDS]]);
  meter.observe("nodejs.eventloop.delay.p99", () => [[delay.percentile(99) / NANOSECONDS]]);
  meter.observe("nodejs.eventloop.delay.max", () => {
    const { max } = delay;
    // The last of the three to be read: each export speaks of its own interval.
    delay.reset();
    return [[max / NANOSECONDS]];
  });
  meter.observe("nodejs.eventloop.utilization", () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return [[utilization]];
  });
  return () => void delay.disable();
}

const COLLECTIONS: ReadonlyMap<number, string> = new Map([
  [constants.NODE_PERFORMANCE_GC_MINOR, "minor"],
  [constants.NODE_PERFORMANCE_GC_MAJOR, "major"],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, "incremental"],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, "weakcb"],
]);

function measureCollections(meter: Meter): () => void {
  const durations = meter.histogram("v8js.gc.duration");
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      durations.at(COLLECTIONS.get(kindOf(entry)) ?? "unknown").record(entry.duration / 1_000);
    }
  });
  observer.observe({ entryTypes: ["gc"] });
  return () => observer.disconnect();
}

/** The types of Node leave out `detail`, which entries of collections have. */
function kindOf(entry: object): number {
  const detail: unknown = "detail" in entry ? entry.detail : undefined;
  return typeof detail === "object" && detail !== null && "kind" in detail ? Number(detail.kind) : 0;
}

function descriptors(): readonly (readonly [number])[] {
  try {
    return [[readdirSync("/proc/self/fd").length]];
  } catch {
    return []; // no /proc here: the metric is absent
  }
}
