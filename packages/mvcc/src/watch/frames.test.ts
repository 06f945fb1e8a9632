import { createPrng, type Prng } from "@kvorum/base";
import { describe, expect, it } from "vitest";
import { Batch } from "./batch.js";
import { FrameWriter } from "./frames.js";
import { watchLimits } from "./limits.js";
import type { Delivery } from "./recipients.js";
import { encodeHead, encodeIdField } from "./wire.js";

const PREFIX_BYTES = 5;
const FRAME_BYTES = 16 * 1024;

/** The id fields of one length of a stream. */
interface Roster {
  readonly fields: readonly Uint8Array[];
  readonly ids: Uint8Array;
}

function roster(first: number, count: number): Roster {
  const fields = Array.from({ length: count }, (_, i) => encodeIdField(BigInt(first + i)));
  return { fields, ids: Buffer.concat(fields) };
}

/** Some streams have the same watchers; others have as many, with other ids. */
const ROSTERS = [roster(0, 1), roster(1, 9), roster(1, 9), roster(5, 9), roster(128, 3)];

function batchOf(revision: number, bodyLength: number, isShared = true): Batch {
  const head = encodeHead(Uint8Array.of(0x18, revision & 0x7f));
  const events = [Buffer.alloc(bodyLength, revision)];
  return new Batch({ from: revision, next: revision + 1, head, events, isShared });
}

function deliveryOf(batch: Batch, { fields, ids }: Roster, sent = 0): Delivery {
  const recipients = {
    watchers: [],
    isOwn: false,
    count: fields.length,
    idLength: fields[0]!.length,
    ids: Uint8Array.from(ids),
    fragment: false,
    progressNotify: false,
  };
  return { recipients, batch, sent };
}

function sizeOf({ batch, recipients }: Delivery): number {
  return batch.head.length + recipients.idLength + batch.bodyLength;
}

/** The plain way to write what `FrameWriter.write` does. */
function expected(delivery: Delivery, { fields }: Roster, count: number): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(sizeOf(delivery), 1);
  const { head, body } = delivery.batch;
  const asked = fields.slice(delivery.sent, delivery.sent + count);
  return Buffer.concat(asked.flatMap((field) => [prefix, head, field, body]));
}

/** Streams that are at different revisions, and send what they have in portions of any length. */
class Run {
  readonly #prng: Prng;
  readonly #frames = new FrameWriter();
  readonly #queues = Array.from({ length: 12 }, (_, i) => ({
    rosters: i < 6 ? [ROSTERS[0]!, ROSTERS[1]!] : [ROSTERS[i % ROSTERS.length]!],
    entries: [] as { delivery: Delivery; of: Roster }[],
  }));

  constructor(seed: number) {
    this.#prng = createPrng(seed);
  }

  dispatch(revision: number): void {
    const isLarge = this.#prng.below(10) === 0;
    const batch = batchOf(revision, 10 + this.#prng.below(isLarge ? 2_000 : 400));
    for (const { rosters, entries } of this.#queues) {
      for (const of of rosters) entries.push({ delivery: deliveryOf(batch, of), of });
    }
  }

  /** Fills one frame of one stream. */
  send(): void {
    const { entries } = this.#queues[this.#prng.below(this.#queues.length)]!;
    const target = Buffer.alloc(FRAME_BYTES);
    const parts: Buffer[] = [];
    const start = this.#prng.below(32);
    let at = start;
    for (let left = this.#prng.below(100); left > 0 && entries.length > 0; left--) {
      const { delivery, of } = entries[0]!;
      const size = sizeOf(delivery);
      const fits = Math.floor((target.length - at) / (PREFIX_BYTES + size));
      const count = Math.min(delivery.recipients.count - delivery.sent, fits);
      if (count === 0) break;
      parts.push(expected(delivery, of, count));
      at = this.#frames.write(target, at, delivery, count);
      const sent = delivery.sent + count;
      if (sent === delivery.recipients.count) entries.shift();
      else entries[0] = { delivery: { ...delivery, sent }, of };
    }
    this.#frames.finish();
    const bytes = Buffer.concat(parts);
    expect(at - start).toBe(bytes.length);
    expect(target.subarray(start, at).equals(bytes)).toBe(true);
  }
}

describe("what a stream says", () => {
  const seed = Number(process.env.KVORUM_SEED ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`KVORUM_SEED=${seed}`);

  it("is its own, whatever was kept of other streams, as the memory goes round", () => {
    const run = new Run(seed);
    // Some three times the memory; streams fall behind by more than it holds.
    for (let revision = 1; revision <= 500; revision++) {
      run.dispatch(revision);
      run.send();
    }
    for (let i = 0; i < 4_000; i++) run.send();
  });

  it("of revisions in a row is copied in one piece for the next stream", () => {
    const frames = new FrameWriter();
    const batches = Array.from({ length: 20 }, (_, i) => batchOf(i + 1, 300));
    for (let stream = 0; stream < 3; stream++) {
      const target = Buffer.alloc(4 * FRAME_BYTES);
      let copies = 0;
      target.set = (...args) => {
        copies++;
        Uint8Array.prototype.set.apply(target, args);
      };
      let at = 0;
      for (const batch of batches) {
        for (const of of ROSTERS.slice(0, 2)) {
          const delivery = deliveryOf(batch, of);
          at = frames.write(target, at, delivery, delivery.recipients.count);
        }
      }
      frames.finish();
      expect(copies).toBe(1);
    }
  });

  it("is not kept for streams that all have other ids, nor where there is one alone", () => {
    const many = watchLimits.repeatsOfBatchMax + 1;
    for (const [isShared, streams] of [
      [true, many],
      [false, 1],
    ] as const) {
      const batch = batchOf(1, 300, isShared);
      const frames = new FrameWriter();
      for (let i = 0; i < streams; i++) {
        const of = roster(1 + i, 9);
        const delivery = deliveryOf(batch, of);
        const target = Buffer.alloc(FRAME_BYTES);
        const end = frames.write(target, 0, delivery, 9);
        // Only what is kept is written by `finish`.
        const isThere = target.subarray(0, end).equals(expected(delivery, of, 9));
        expect(isThere).toBe(i === streams - 1);
        frames.finish();
      }
    }
  });
});
