// What the node's SQLite files have in common: each statement is prepared once, and a transaction is all or nothing. Which tables there
// are, how durable a commit is, and what becomes of a damaged file is the matter of who opens it.

import type { DatabaseSync, StatementSync } from "node:sqlite";

export class Database {
  readonly #db: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  /** `sql` is text of the program, never of a user: each is kept. */
  run(sql: string): StatementSync {
    const known = this.#prepared.get(sql);
    if (known !== undefined) return known;
    const made = this.#db.prepare(sql);
    this.#prepared.set(sql, made);
    return made;
  }

  exec(sql: string): void {
    this.#db.exec(sql);
  }

  transaction(work: () => void): void {
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      work();
      this.#db.exec("COMMIT");
    } catch (error) {
      this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  close(): void {
    this.#db.close();
  }
}
