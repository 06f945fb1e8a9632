import { type Clock, hexId, type MemberId } from "@kvorum/base";
import type { Logger } from "../observe/logger.js";
import type { PeerCells } from "./peer-metrics.js";

/** What failed, for the log: "failed to dial 4f9d on stream Message (reason)". */
export interface PeerFailure {
  readonly source: string;
  readonly action: "dial" | "read" | "write" | "heartbeat" | "post";
  readonly reason: string;
}

/** Whether a peer is in touch: any of its connections brings it up, any failure takes it down. */
export class PeerStatus {
  readonly #id: MemberId;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #cells: PeerCells;
  #sinceMs: number | undefined;

  constructor(options: {
    readonly id: MemberId;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly cells: PeerCells;
  }) {
    this.#id = options.id;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#cells = options.cells;
  }

  /** On `Clock.nowMs`'s scale; undefined while the peer is out of touch. */
  get activeSinceMs(): number | undefined {
    return this.#sinceMs;
  }

  get isActive(): boolean {
    return this.#sinceMs !== undefined;
  }

  activate(): void {
    if (this.#sinceMs !== undefined) return;
    this.#sinceMs = this.#clock.nowMs();
    this.#cells.active.value = 1;
    this.#logger.info("peer became active", { "peer-id": hexId(this.#id) });
  }

  deactivate({ source, action, reason }: PeerFailure): void {
    const fields = {
      "peer-id": hexId(this.#id),
      error: `failed to ${action} ${hexId(this.#id)} on ${source} (${reason})`,
    };
    if (this.#sinceMs === undefined) {
      this.#logger.debug("peer deactivated again", fields);
      return;
    }
    this.#sinceMs = undefined;
    this.#cells.active.value = 0;
    this.#cells.disconnections.value++;
    this.#logger.warn("peer became inactive (message send to peer failed)", fields);
  }

  /** The peer is gone; its gauge must not stay up. */
  end(): void {
    this.#sinceMs = undefined;
    this.#cells.active.value = 0;
  }
}
