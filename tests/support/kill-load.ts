import { etcdserverpb } from "@kvorum/api";
import { createPrng, type Prng } from "@kvorum/base";
import { deleteRange, kv, put, type Rpc } from "./rpc.js";
import { stampedValue, type Write, type WriteHistory } from "./write-history.js";

const CLIENTS = 24;
/** Keys of each client; nobody else writes them, so its writes to them are in its own order. */
const KEYS_PER_CLIENT = 6;
/** Keys that are only ever written together, by one transaction. */
const GROUP_KEYS = 4;
/** Shorter than a round, so that a dead server ends the load soon. */
const DEADLINE_MS = 5_000;

export interface LoadOptions {
  readonly rpc: Rpc;
  readonly history: WriteHistory;
  readonly prng: Prng;
  /** Makes stamps unique. */
  readonly round: number;
  readonly valueBytes: number;
}

/** A load of many clients, each writing as fast as it is answered, until the server is gone. */
export class KillLoad {
  readonly #options: LoadOptions;
  readonly #clients: Promise<void>[];
  #count = 0;
  #stopped = false;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#clients = Array.from({ length: CLIENTS }, (_, client) =>
      this.#run(client, createPrng(options.prng.below(2 ** 32))),
    );
  }

  /** Resolves when no request is on its way; what was not answered by then is in doubt. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#clients);
  }

  async #run(client: number, prng: Prng): Promise<void> {
    while (!this.#stopped) {
      const write = this.#draw(client, prng);
      const newestBefore = this.#options.history.revision;
      const outcome = await this.#send(write).catch(() => undefined);
      if (outcome === undefined) {
        this.#options.history.doubt(write);
        return;
      }
      if (outcome.keys === 0) continue;
      if (outcome.keys !== write.keys.length) {
        throw new Error(`${outcome.keys} of ${write.keys.length} keys were deleted together`);
      }
      if (outcome.revision <= newestBefore) {
        throw new Error(`revision ${outcome.revision} came after ${newestBefore}`);
      }
      this.#options.history.acknowledge(outcome.revision, write);
    }
  }

  #draw(client: number, prng: Prng): Write {
    const own = `c${client}/${prng.below(KEYS_PER_CLIENT)}`;
    const group = Array.from({ length: GROUP_KEYS }, (_, i) => `g${client}/${i}`);
    const stamp = `${this.#options.round}-${this.#count++}-${this.#options.valueBytes}`;
    const draw = prng.below(100);
    if (draw < 60) return { keys: [own], stamp };
    if (draw < 85) return { keys: group, stamp };
    return { keys: draw < 95 ? [own] : group, stamp: undefined };
  }

  /** @returns the revision and how many keys it touched */
  async #send({ keys, stamp }: Write): Promise<{ revision: number; keys: number }> {
    const { rpc, valueBytes } = this.#options;
    const first = Buffer.from(keys[0]!);
    if (stamp === undefined) {
      const rangeEnd = keys.length > 1 ? Buffer.from(keys[0]!.replace("/0", "0")) : Buffer.alloc(0);
      const request = deleteRange({ key: first, rangeEnd });
      const answer = await rpc.call(kv.deleteRange, request, DEADLINE_MS);
      return { revision: answer.header!.revision, keys: answer.deleted };
    }
    const value = stampedValue(stamp, valueBytes);
    if (keys.length === 1) {
      const answer = await rpc.call(kv.put, put({ key: first, value }), DEADLINE_MS);
      return { revision: answer.header!.revision, keys: 1 };
    }
    const success = keys.map((key) => ({
      request: { $case: "requestPut" as const, value: put({ key: Buffer.from(key), value }) },
    }));
    const txn = etcdserverpb.TxnRequest.fromPartial({ compare: [], success, failure: [] });
    const answer = await rpc.call(kv.txn, txn, DEADLINE_MS);
    return { revision: answer.header!.revision, keys: keys.length };
  }
}
