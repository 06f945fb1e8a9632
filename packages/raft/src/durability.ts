import type { LogIndex } from "@kvorum/base";

/**
 * Which part of the log in memory is on disk, while several Readys are being saved at once.
 *
 * ```
 *   1 ........ durable ........ handed ........ last
 *   on disk             in some Ready    not handed out yet
 * ```
 *
 * A truncation lowers both marks and the promise of every Ready in flight: what those write at the
 * truncated positions is not the log any more, even if an equal entry comes back later (the ABA
 * race that etcd's raft describes at newStorageAppendRespMsg). Readys are saved in order, so the
 * promise of a later one holds whatever the earlier ones wrote.
 */
export class Durability {
  #durable: LogIndex;
  #handed: LogIndex;
  readonly #inFlight: LogIndex[] = [];

  constructor(lastIndex: LogIndex) {
    this.#durable = lastIndex;
    this.#handed = lastIndex;
  }

  get durable(): LogIndex {
    return this.#durable;
  }

  get handed(): LogIndex {
    return this.#handed;
  }

  /** A Ready leaves that, with all before it, saves the log up to `lastIndex`. */
  begin(lastIndex: LogIndex): void {
    this.#handed = lastIndex;
    this.#inFlight.push(lastIndex);
  }

  /** The oldest Ready in flight is saved. */
  end(): void {
    const promised = this.#inFlight.shift() ?? 0;
    if (promised > this.#durable) this.#durable = promised;
  }

  /** The log in memory keeps its entries up to `lastKept` only. */
  truncate(lastKept: LogIndex): void {
    if (this.#durable > lastKept) this.#durable = lastKept;
    if (this.#handed > lastKept) this.#handed = lastKept;
    for (let i = 0; i < this.#inFlight.length; i++) {
      if (this.#inFlight[i]! > lastKept) this.#inFlight[i] = lastKept;
    }
  }

  /** A snapshot up to `index` takes the place of the log; nothing of it is on disk yet. */
  restore(index: LogIndex): void {
    this.truncate(0);
    this.#handed = index;
  }
}
