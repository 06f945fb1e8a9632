import { assert } from "@kvorum/base";
import { crc32c } from "@node-rs/crc32";
import type { PackedRecords } from "../port.js";
import { checksumOf, RunChecksum } from "./record-checksum.js";
import { ZeroExtension } from "./zero-extension.js";

/**
 * Checks the records of a batch, which stand one after the other without their checksums, with one
 * call into native code: a call costs as much as some thousands of bytes. What the bytes of the
 * batch must come to follows from the checksums of its records. Only when they don't, each record
 * is looked at, to tell which is damaged. A damaged record is missed as seldom as with a call for
 * each, once in 2^32.
 */
export class BatchChecksum {
  readonly #records: RunChecksum;
  readonly #extension = new ZeroExtension();
  /** Of the bucket's number, which each checksum begins with. */
  readonly #head: number;
  #expected: number;
  #checksums = new Uint32Array(1_024);
  #count = 0;

  constructor(bucketId: number) {
    this.#records = new RunChecksum(bucketId);
    this.#head = ~checksumOf(bucketId, NOTHING, NOTHING);
    this.#expected = this.#head;
  }

  /** The next record of the batch has `byteCount` bytes, key and value, and this checksum. */
  expect(byteCount: number, checksum: number): void {
    const before = this.#extension.extend(this.#expected ^ this.#head, byteCount);
    this.#expected = before ^ ~checksum;
    if (this.#count === this.#checksums.length) {
      const grown = new Uint32Array(2 * this.#count);
      grown.set(this.#checksums);
      this.#checksums = grown;
    }
    this.#checksums[this.#count++] = checksum;
  }

  /**
   * The index of a damaged record; undefined when there is none. The next batch begins then.
   * @param records as many as were expected
   */
  findDamaged({ count, bytes, bounds }: PackedRecords): number | undefined {
    const expected = this.#expected;
    this.#expected = this.#head;
    this.#count = 0;
    const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bounds[3 * count - 1]!);
    if (crc32c(whole.subarray(bounds[0]), ~this.#head >>> 0) === ~expected >>> 0) return undefined;
    let damaged = 0;
    while (damaged < count && this.#isWhole(damaged, whole, bounds)) damaged++;
    assert(damaged < count, "what is damaged as a whole has a damaged record");
    return damaged;
  }

  #isWhole(index: number, bytes: Buffer, bounds: Uint32Array): boolean {
    const checksum = this.#records.of(bytes, bounds[3 * index]!, bounds[3 * index + 2]!);
    return checksum === this.#checksums[index];
  }
}

const NOTHING = new Uint8Array(0);
