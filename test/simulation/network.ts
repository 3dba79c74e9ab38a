// The simulated network: connections that deliver in order, as TCP does, over links that delay, lose, repeat, exchange, or cut off one or
// both directions. What is sent over a cut link waits for its end, as retransmission would; a machine that lost its power
// says nothing, one whose process died resets. Loss, repetition and exchange stand for a broken layer below.

import type { Random } from "#kernel";
import type { Agenda } from "./agenda.ts";

export interface Link {
  readonly a: string;
  readonly b: string;
  delayMs: number;
  /** Cut from a to b, and from b to a. */
  cut: [boolean, boolean];
}

export interface Trouble {
  readonly loss: number;
  readonly twice: number;
  readonly exchange: number;
}

/** One end of a connection. */
export interface End {
  readonly node: string;
  /** As its node calls the connection. */
  readonly name: string;
  /** Of the process that holds it. */
  readonly life: number;
  open: boolean;
}

export interface Connection {
  readonly ends: readonly [dialler: End, acceptor: End];
  readonly link: Link;
  readonly last: [number, number];
  readonly held: [unknown[], unknown[]];
}

export interface Receiver {
  /** The process that runs at the node now; undefined = none. */
  life(node: string): number | undefined;
  receive(node: string, connection: Connection, message: unknown): void;
  closed(node: string, connection: Connection): void;
}

const CLOSE = Symbol("close");

export class Network {
  readonly #agenda: Agenda;
  readonly #random: Random;
  readonly #receiver: Receiver;
  readonly links: Link[] = [];
  readonly #connections = new Set<Connection>();
  trouble: Trouble = { loss: 0, twice: 0, exchange: 0 };
  messages = 0;
  /** Counted by whoever sends them. */
  frames = 0;
  /** Routes and withdrawals in them. */
  told = 0;

  constructor(agenda: Agenda, random: Random, receiver: Receiver) {
    this.#agenda = agenda;
    this.#random = random;
    this.#receiver = receiver;
  }

  link(a: string, b: string): Link | undefined {
    return this.links.find((link) => (link.a === a && link.b === b) || (link.a === b && link.b === a));
  }

  /** Calls back with a connection, or with nothing when the port is closed; not at all when the link is cut. */
  dial(from: End, to: string, name: string, done: (connection: Connection | undefined) => void): void {
    const link = this.link(from.node, to);
    if (link === undefined || link.cut[0] || link.cut[1]) return;
    this.#agenda.at(this.#agenda.now + 2 * link.delayMs, () => {
      if (link.cut[0] || link.cut[1]) return;
      const life = this.#receiver.life(to);
      if (life === undefined) return done(undefined);
      const acceptor: End = { node: to, name, life, open: true };
      const connection: Connection = { ends: [from, acceptor], link, last: [0, 0], held: [[], []] };
      this.#connections.add(connection);
      done(connection);
    });
  }

  /** `sure`: spared by loss and repetition. */
  send(connection: Connection, from: string, message: unknown, sure = false): void {
    const { loss, twice } = this.trouble;
    this.messages += 1;
    if (sure) return this.#carry(connection, from, message);
    if (loss > 0 && this.#random.next() < loss) return;
    this.#carry(connection, from, message);
    if (twice > 0 && this.#random.next() < twice) this.#carry(connection, from, message);
  }

  close(connection: Connection, from: string): void {
    const own = connection.ends[sideOf(connection, from)];
    if (!own.open) return;
    own.open = false;
    this.#carry(connection, from, CLOSE);
    if (!connection.ends[0].open && !connection.ends[1].open) this.#connections.delete(connection);
  }

  /** The node's process ends; `silent`: so does its machine, which resets nothing. */
  die(node: string, silent: boolean): void {
    for (const connection of [...this.#connections]) {
      for (const side of [0, 1] as const) {
        const end = connection.ends[side];
        if (end.node !== node || !end.open) continue;
        if (silent) end.open = false;
        else this.close(connection, node);
      }
    }
  }

  /** Breaks connections of a link, as a firewall that forgets: both ends hear of it. */
  reset(link: Link): void {
    for (const connection of [...this.#connections]) {
      if (connection.link !== link) continue;
      for (const end of connection.ends) if (end.open) this.#hearClosed(connection, end);
      this.#connections.delete(connection);
    }
  }

  /** Cut links that were mended deliver what waited. */
  mend(link: Link): void {
    link.cut = [false, false];
    for (const connection of this.#connections) {
      if (connection.link !== link) continue;
      for (const side of [0, 1] as const) {
        const held = connection.held[side].splice(0);
        for (const message of held) this.#carry(connection, connection.ends[side].node, message);
      }
    }
  }

  #carry(connection: Connection, from: string, message: unknown): void {
    const side = sideOf(connection, from);
    const { link, last } = connection;
    if (this.#isCut(link, from)) {
      connection.held[side].push(message);
      return;
    }
    const jitter = this.#random.next() * link.delayMs;
    const soonest = this.#agenda.now + link.delayMs + jitter;
    const exchanged = this.trouble.exchange > 0 && this.#random.next() < this.trouble.exchange;
    const at = exchanged ? soonest : Math.max(soonest, last[side]);
    last[side] = Math.max(last[side], at);
    this.#agenda.at(at, () => this.#deliver(connection, from, message));
  }

  #deliver(connection: Connection, from: string, message: unknown): void {
    const side = sideOf(connection, from);
    if (this.#isCut(connection.link, from)) {
      connection.held[side].push(message);
      return;
    }
    const end = connection.ends[side === 0 ? 1 : 0];
    if (this.#receiver.life(end.node) !== end.life) {
      // Nobody there, or another process: only the latter answers, with a reset.
      if (this.#receiver.life(end.node) !== undefined && message !== CLOSE) {
        const sender = connection.ends[side];
        if (sender.open) this.#hearClosed(connection, sender);
      }
      return;
    }
    if (!end.open) return;
    if (message === CLOSE) this.#hearClosed(connection, end);
    else this.#receiver.receive(end.node, connection, message);
  }

  #hearClosed(connection: Connection, end: End): void {
    end.open = false;
    if (this.#receiver.life(end.node) === end.life) this.#receiver.closed(end.node, connection);
  }

  #isCut(link: Link, from: string): boolean {
    return link.a === from ? link.cut[0] : link.cut[1];
  }
}

export const sideOf = ({ ends }: Connection, node: string): 0 | 1 => (ends[0].node === node ? 0 : 1);
