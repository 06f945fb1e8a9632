import { expect, test } from "vitest";
import { ProposalIds } from "./proposal-ids.js";

const NOW_MS = 1_700_000_000_000;

test("an id is the member's low 16 bits, the time's low 40 bits, and a count", () => {
  const ids = new ProposalIds({ memberId: 0x8e9e05c52164694dn, wallMs: NOW_MS });
  expect(ids.high).toBe(0x694d);
  const time = BigInt(NOW_MS) & 0xff_ffff_ffffn;
  expect(ids.next()).toBe((0x694dn << 48n) | (time << 8n) | 1n);
  expect(ids.next() & 0xffn).toBe(2n);
});

test("ids of a later run come after all of an earlier one", () => {
  const earlier = new ProposalIds({ memberId: 1n, wallMs: NOW_MS });
  let last = 0n;
  for (let i = 0; i < 255; i++) last = earlier.next();
  expect(new ProposalIds({ memberId: 1n, wallMs: NOW_MS + 1 }).next()).toBeGreaterThan(last);
});

test("the count carries into the time and wraps at 48 bits, never into the member", () => {
  const ids = new ProposalIds({ memberId: 5n, wallMs: 2 ** 40 - 1 });
  let id = 0n;
  for (let i = 0; i < 256; i++) id = ids.next();
  expect(id).toBe(5n << 48n);
});
