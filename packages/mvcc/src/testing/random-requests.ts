import type { etcdserverpb } from "@kvorum/api";
import { latin1ToBytes, type Prng } from "@kvorum/base";
import { op } from "./requests.js";

/** Few keys, so that they meet often; with bytes below and above ASCII. */
const KEYS = ["a", "a\0", "ab", "b", "b/1", "b/2", "b0", "c", "\x80", "\xff", "\xff\xff"];
const LEASES = [1n, -2n, 99n];

/** Random requests around a current revision; `leases` are the ones that exist. */
export class RandomRequests {
  readonly #prng: Prng;

  constructor(prng: Prng) {
    this.#prng = prng;
  }

  chance(percent: number): boolean {
    return this.#prng.below(100) < percent;
  }

  below(bound: number): number {
    return this.#prng.below(bound);
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.#prng.below(items.length)]!;
  }

  key(): Buffer {
    return latin1ToBytes(this.pick(KEYS));
  }

  keys(): { key: Buffer; rangeEnd: Buffer } {
    const key = this.chance(10) ? latin1ToBytes("\0") : this.key();
    if (this.chance(40)) return { key, rangeEnd: Buffer.alloc(0) };
    return { key, rangeEnd: this.chance(30) ? latin1ToBytes("\0") : this.key() };
  }

  put(): etcdserverpb.PutRequest {
    const ignoreValue = this.chance(8);
    const ignoreLease = this.chance(8);
    return {
      key: this.key(),
      value: ignoreValue ? Buffer.alloc(0) : latin1ToBytes("v".repeat(this.below(4))),
      // 99 is never granted.
      lease: ignoreLease || this.chance(70) ? 0n : this.chance(4) ? 99n : this.pick([1n, -2n]),
      prevKv: this.chance(20),
      ignoreValue,
      ignoreLease,
    };
  }

  deleteRange(): etcdserverpb.DeleteRangeRequest {
    return { ...this.keys(), prevKv: this.chance(30) };
  }

  range(current: number): etcdserverpb.RangeRequest {
    const bound = (): number => (this.chance(12) ? 1 + this.below(current + 1) : 0);
    return {
      ...this.keys(),
      limit: this.chance(40) ? this.below(6) - 1 : 0,
      revision: this.chance(50) ? 0 : this.below(current + 2),
      sortOrder: this.chance(60) ? 0 : this.below(3),
      sortTarget: this.chance(60) ? 0 : this.below(5),
      serializable: this.chance(50),
      keysOnly: this.chance(15),
      countOnly: this.chance(10),
      minModRevision: bound(),
      maxModRevision: bound(),
      minCreateRevision: bound(),
      maxCreateRevision: bound(),
    };
  }

  compare(current: number): etcdserverpb.Compare {
    const keys = this.chance(70) ? { key: this.key(), rangeEnd: Buffer.alloc(0) } : this.keys();
    return {
      ...keys,
      result: this.below(4),
      target: this.below(5),
      targetUnion: this.pick<etcdserverpb.Compare["targetUnion"]>([
        undefined,
        { $case: "version", value: this.below(4) },
        { $case: "createRevision", value: this.below(current + 1) },
        { $case: "modRevision", value: this.below(current + 1) },
        { $case: "value", value: latin1ToBytes("v".repeat(this.below(4))) },
        { $case: "lease", value: this.pick([...LEASES, 0n]) },
      ]),
    };
  }

  /** Without the check for duplicate keys, which is the API's. */
  txn(current: number, depth = 0): etcdserverpb.TxnRequest {
    const list = <Item>(max: number, make: () => Item): Item[] =>
      Array.from({ length: this.below(max + 1) }, make);
    const branch = (): etcdserverpb.RequestOp[] =>
      list(4, () => {
        if (depth < 2 && this.chance(15)) return op.txn(this.txn(current, depth + 1));
        if (this.chance(30)) return op.range(this.range(current));
        return this.chance(75) ? op.put(this.put()) : op.delete(this.deleteRange());
      });
    return { compare: list(2, () => this.compare(current)), success: branch(), failure: branch() };
  }
}
