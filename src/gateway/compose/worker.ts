// The compose thread: holds composer, planner and schemas, so that neither a hostile schema nor a hostile document can stall
// the thread that serves. One message in, one message out, in order. It may be ended at any moment (time limit, idleness); the
// serving thread starts another and loads the graph again. Invariant: keeps no state that cannot be made again from `load`.

import { parentPort } from "node:worker_threads";
import { EMPTY_GRAPH_TEXT } from "../empty.ts";
import { Graph, type GraphText } from "../plan/prepare.ts";
import type { CheckedSdls } from "./checked.ts";
import type { Composition, Subgraph } from "./composer.ts";
import { departedFields } from "./departed.ts";
import type { Admitted } from "./quarantine.ts";
import type { Sections } from "./sections.ts";
import type { Answer, Calls, Composed, Request } from "./message.ts";

const graphs = new Map<string, Graph>();
/** What one composition leaves for the next. */
let memory: { readonly checked: CheckedSdls; readonly sections: Sections } | undefined;

async function composeGraph({ key, services, after }: Calls["compose"]["request"]): Promise<Composed> {
  const started = performance.now();
  const known = typeof after === "string" ? graphs.get(after) : undefined;
  const before = typeof after === "string" ? known?.text : after;
  // Only here: a thread that just plans never loads the composer.
  const { compose: composeWhole } = await import("./composer.ts");
  const { admit } = await import("./quarantine.ts");
  const { CheckedSdls } = await import("./checked.ts");
  const { Sections } = await import("./sections.ts");
  memory ??= { checked: new CheckedSdls(), sections: new Sections(composeWhole) };
  memory.checked.begin();
  const { check } = memory.checked;
  const { compose } = memory.sections;
  let admitted = admit(services, compose, check);
  let graph = textOf(admitted, before);
  try {
    graphs.set(key, new Graph(graph, known).ready());
  } catch {
    // The composer made something the planner does not take. Rare, so only now each step is tried with the planner.
    const tried = (subgraphs: readonly Subgraph[]): Composition => {
      const composition = compose(subgraphs);
      if (composition.ok)
        new Graph({ ...composition, services: subgraphs.map(({ name }) => name) }, known).ready();
      return composition;
    };
    admitted = admit(services, tried, check);
    graph = textOf(admitted, before);
    graphs.set(key, new Graph(graph, known).ready());
  }
  const { quarantined } = admitted;
  return { graph, quarantined, composeMs: Math.round((performance.now() - started) * 10) / 10 };
}

function textOf({ composition, services, borders }: Admitted, before: GraphText | undefined): GraphText {
  if (composition === undefined) return EMPTY_GRAPH_TEXT;
  const { sections, api } = composition;
  const text = { sections, api, services, borders };
  return before === undefined ? text : { ...text, departed: departedFields(before, text) };
}

async function answer(request: Request): Promise<Calls[Request["call"]]["answer"]> {
  switch (request.call) {
    case "compose":
      return composeGraph(request);
    case "load":
      graphs.set(request.key, new Graph(request.graph));
      return null;
    case "drop":
      graphs.delete(request.key);
      return null;
    case "prepare":
      return graph(request.key).prepare(request.document, request.operationName, request.limits);
    case "local":
      return graph(request.key).local(request.document, request.operationName, request.variables);
  }
}

class MissingGraph extends Error {}

function graph(key: string): Graph {
  const known = graphs.get(key);
  if (known === undefined) throw new MissingGraph(key);
  return known;
}

/** Messages wait for each other, because composing awaits its import. */
let last = Promise.resolve();

parentPort?.on("message", (request: Request) => {
  last = last.then(async () => {
    let reply: Answer;
    try {
      reply = { id: request.id, ok: true, answer: await answer(request) };
    } catch (error) {
      const text = error instanceof Error ? error.message.slice(0, 1_000) : "failed";
      reply = { id: request.id, ok: false, missing: error instanceof MissingGraph, text };
    }
    parentPort?.postMessage(reply);
  });
});
