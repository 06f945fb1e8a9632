import type { MemberId } from "@kvorum/base";

const TWO_40 = 2 ** 40;
const TWO_48 = 2 ** 48;

/**
 * Ids of proposals and of leases: 64 bits that no other member and no earlier run of this one uses.
 *
 * ```
 * | member id, low 16 bits | unix time in ms, low 40 bits | count from 0, 8 bits |
 *   high                     low: 48 bits, counted up as one number
 * ```
 * Source: etcd pkg/idutil.
 */
export class ProposalIds {
  /** The same for every id of this member. */
  readonly high: number;
  #low: number;

  constructor(options: { readonly memberId: MemberId; readonly wallMs: number }) {
    this.high = Number(options.memberId & 0xffffn);
    this.#low = (Math.floor(options.wallMs) % TWO_40) * 256;
  }

  /** The low 48 bits of the next id. */
  nextLow(): number {
    this.#low = (this.#low + 1) % TWO_48;
    return this.#low;
  }

  /** A whole id, for a lease or a conf change. */
  next(): bigint {
    return (BigInt(this.high) << 48n) | BigInt(this.nextLow());
  }
}
