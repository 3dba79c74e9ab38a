// A wire inside one process: two queues of texts. Messages are texts on purpose: both ends then see copies,
// as they would from a socket, so nothing can come to depend on sharing an object across a part's border.

import type { CatalystError } from "./errors.ts";
import { ended, type Message, type Wire, type WireEvents } from "./wire.ts";

class MemoryWire implements Wire {
  readonly remote = "memory";
  #peer: MemoryWire | undefined;
  #events: WireEvents | undefined;
  #inbox: Message[] = [];
  #inboxBytes = 0;
  #paused = false;
  #scheduled = false;
  #open = true;

  join(peer: MemoryWire): void {
    this.#peer = peer;
  }

  get buffered(): number {
    return this.#peer === undefined ? 0 : this.#peer.#inboxBytes;
  }

  listen(events: WireEvents): void {
    this.#events = events;
    this.#schedule();
  }

  send(message: Message): void {
    const peer = this.#peer;
    if (!this.#open || peer === undefined || !peer.#open) return;
    peer.#inbox.push(message);
    peer.#inboxBytes += message.length;
    peer.#schedule();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#schedule();
  }

  /** Both ends live in one event loop: whoever can ask is alive. */
  ping(): void {
    queueMicrotask(() => this.#events?.alive());
  }

  close(reason: CatalystError): void {
    if (!this.#open) return;
    this.#open = false;
    const peer = this.#peer;
    queueMicrotask(() => {
      this.#events?.closed(reason);
      // What was sent before the end still arrives, as it does from a socket.
      if (peer === undefined) return;
      peer.#flush();
      peer.#end(reason);
    });
  }

  #end(reason: CatalystError): void {
    if (!this.#open) return;
    this.#open = false;
    this.#drop();
    const told = reason.code === "ERR_RPC_PROTOCOL" ? reason : ended("the other side ended the session");
    this.#events?.closed(told);
  }

  #drop(): void {
    this.#inbox = [];
    this.#inboxBytes = 0;
  }

  #schedule(): void {
    if (this.#scheduled || this.#paused || this.#inbox.length === 0) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#events === undefined) return;
    let next = 0;
    const batch = this.#inbox;
    for (; next < batch.length && !this.#paused && this.#open; next++) {
      const message = batch[next] ?? "";
      this.#inboxBytes -= message.length;
      this.#events.message(message);
    }
    // One cut for the whole batch: shifting one by one would move the rest each time.
    this.#inbox = batch.slice(next);
    // An end that is closed takes nothing any more: waiting for it would never let the event loop go on.
    if (this.#open) this.#schedule();
    else this.#drop();
  }
}

export function memoryWires(): [Wire, Wire] {
  const left = new MemoryWire();
  const right = new MemoryWire();
  left.join(right);
  right.join(left);
  return [left, right];
}
