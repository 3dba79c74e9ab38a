// Everything people are told of peerings and may ask of them, made once for a node: the table of verbs, the facts of `status` and
// `check`, and the lines of `events`. It follows the loop by itself, behind the journal.

import type { Clock, Loop } from "#kernel";
import type { NodeIdentity, Quarantined } from "#rpc";
import type { NodeTypes } from "#routing";
import type { Peering } from "../peering/peering.ts";
import type { Journal } from "./journal.ts";
import { peeringParser } from "./parse-peering.ts";
import type { PeeringFacts } from "./peer-problems.ts";
import { peerRecords, peeringVerbs } from "./peering.ts";
import { PeeringNews } from "./peering-news.ts";
import { RouteCounts } from "./route-counts.ts";

export interface PeeringAdminPorts {
  readonly loop: Loop<NodeTypes>;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly peering: Peering;
  readonly identity: NodeIdentity["identity"];
  /** Services that the graph was composed without, own ones too. */
  readonly quarantined: () => readonly Quarantined[];
}

export class PeeringAdmin {
  readonly verbs: ReturnType<typeof peeringVerbs>;
  readonly #ports: PeeringAdminPorts;
  readonly #counts: RouteCounts;
  readonly #news: PeeringNews;
  readonly #unwatch: () => void;
  readonly #startedAt: number;

  constructor(ports: PeeringAdminPorts) {
    const { loop, clock, journal, peering, identity, quarantined } = ports;
    this.#ports = ports;
    this.#startedAt = clock.monotonic();
    this.#counts = new RouteCounts(loop.view.routes);
    this.#news = new PeeringNews(clock, journal, peering);
    const parser = peeringParser(loop.view.node, identity);
    this.verbs = peeringVerbs({ loop, clock, peering, counts: this.#counts, parser, quarantined });
    this.#unwatch = loop.watch((batch) => {
      if (batch.commit !== undefined) this.#counts.commit(batch.commit);
      this.#news.turn(batch);
    });
  }

  facts(): PeeringFacts {
    const { loop, clock, peering, quarantined } = this.#ports;
    const peers = peerRecords({ loop, clock, peering, counts: this.#counts });
    const uptimeMs = clock.monotonic() - this.#startedAt;
    // Own services say it themselves.
    const leftOut = quarantined().filter(({ service }) => !loop.view.services.has(service));
    return { status: peering.status(), peers, leftOut, uptimeMs, now: clock.now() };
  }

  close(): void {
    this.#unwatch();
    this.#news.close();
  }
}
