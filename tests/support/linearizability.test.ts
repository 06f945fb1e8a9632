import { createPrng } from "@kvorum/base";
import { describe, expect, test } from "vitest";
import {
  checkLinearizability,
  type HistoryEntry,
  type RegisterOperation,
  type RegisterValue,
} from "./linearizability.js";

const read = (value: RegisterValue): RegisterOperation => ({ kind: "read", value });
const write = (value: RegisterValue): RegisterOperation => ({ kind: "write", value });
const swap = (
  expected: RegisterValue,
  value: RegisterValue,
  swapped: boolean | undefined,
): RegisterOperation => ({ kind: "swap", expected, value, swapped });

const NEVER = Number.POSITIVE_INFINITY;

/** [operation, call, return, key] */
type Line = readonly [RegisterOperation, number, number, string?];

function entries(lines: readonly Line[]): HistoryEntry[] {
  return lines.map(([operation, calledAt, returnedAt, key = "k"], client) => {
    return { key, client, operation, calledAt, returnedAt };
  });
}

const isLinearizable = (...lines: readonly Line[]) =>
  checkLinearizability(entries(lines)).isLinearizable;

describe("accepts", () => {
  test("an empty history", () => expect(isLinearizable()).toBe(true));

  test("reads of what was written before", () =>
    expect(isLinearizable([read(undefined), 0, 1], [write("a"), 2, 3], [read("a"), 4, 5])).toBe(
      true,
    ));

  test("either order of two writes at once", () => {
    const writes: Line[] = [
      [write("a"), 0, 10],
      [write("b"), 0, 10],
    ];
    expect(isLinearizable(...writes, [read("a"), 11, 12])).toBe(true);
    expect(isLinearizable(...writes, [read("b"), 11, 12])).toBe(true);
  });

  test("reads beside a write that see it or do not, in that order", () =>
    expect(isLinearizable([write("a"), 0, 10], [read(undefined), 1, 2], [read("a"), 3, 4])).toBe(
      true,
    ));

  test("a write without an answer that happened late, or never", () => {
    expect(isLinearizable([write("a"), 0, NEVER], [read(undefined), 1, 2], [read("a"), 8, 9])).toBe(
      true,
    );
    expect(isLinearizable([write("a"), 0, NEVER], [read(undefined), 8, 9])).toBe(true);
  });

  test("swaps that hand a value on, and one that fails", () =>
    expect(
      isLinearizable(
        [swap(undefined, "a", true), 0, 1],
        [swap("a", "b", true), 2, 3],
        [swap("a", "c", false), 4, 5],
        [read("b"), 6, 7],
      ),
    ).toBe(true));

  test("a swap of unknown outcome, as made and as not made", () => {
    const unknown: Line = [swap("a", "b", undefined), 2, NEVER];
    expect(isLinearizable([write("a"), 0, 1], unknown, [read("b"), 5, 6])).toBe(true);
    expect(isLinearizable([write("a"), 0, 1], unknown, [read("a"), 5, 6])).toBe(true);
  });

  test("operations that touch at one moment, in either order", () =>
    expect(isLinearizable([write("a"), 0, 5], [read(undefined), 5, 6])).toBe(true));
});

describe("rejects", () => {
  test("a read of what was overwritten", () =>
    expect(isLinearizable([write("a"), 0, 1], [write("b"), 2, 3], [read("a"), 4, 5])).toBe(false));

  test("a lost write", () =>
    expect(isLinearizable([write("a"), 0, 1], [read(undefined), 2, 3])).toBe(false));

  test("a value that nobody wrote", () =>
    expect(isLinearizable([write("a"), 0, 1], [read("z"), 2, 3])).toBe(false));

  test("reads that go back in time beside a write", () =>
    expect(isLinearizable([write("a"), 0, 10], [read("a"), 1, 2], [read(undefined), 3, 4])).toBe(
      false,
    ));

  test("a read before the write's call", () =>
    expect(isLinearizable([read("a"), 0, 1], [write("a"), 2, 3])).toBe(false));

  test("two swaps from one value that both took place", () =>
    expect(
      isLinearizable(
        [write("a"), 0, 1],
        [swap("a", "b", true), 2, 9],
        [swap("a", "c", true), 2, 9],
      ),
    ).toBe(false));

  test("a swap that failed although nothing else was there", () =>
    expect(isLinearizable([write("a"), 0, 1], [swap("a", "b", false), 2, 3])).toBe(false));

  test("a swap from a value that was never there", () =>
    expect(isLinearizable([write("a"), 0, 1], [swap("x", "b", true), 2, 3])).toBe(false));

  test("a write of unknown outcome that happened before its call, or twice", () => {
    expect(isLinearizable([read("a"), 0, 1], [write("a"), 2, NEVER])).toBe(false);
    expect(
      isLinearizable(
        [write("a"), 0, NEVER],
        [read("a"), 1, 2],
        [write("b"), 3, 4],
        [read("a"), 5, 6],
      ),
    ).toBe(false);
  });

  test("one bad key among good ones, and says which", () => {
    const result = checkLinearizability(
      entries([
        [write("a"), 0, 1, "good"],
        [write("a"), 0, 1, "bad"],
        [read("a"), 2, 3, "good"],
        [read("b"), 2, 3, "bad"],
      ]),
    );
    expect(result).toMatchObject({
      isLinearizable: false,
      key: "bad",
      stuckAt: { operation: { kind: "read", value: "b" } },
    });
  });
});

/** Operations of many clients on one real register, each with its moment between call and return. */
function truthfulHistory(seed: number, operations: number): HistoryEntry[] {
  const prng = createPrng(seed);
  const freeAt = Array.from({ length: 6 }, () => 0);
  const planned = Array.from({ length: operations }, (_, i) => {
    const client = prng.below(freeAt.length);
    const calledAt = freeAt[client]! + prng.below(5);
    const moment = calledAt + prng.float() * 10;
    freeAt[client] = Math.ceil(moment + prng.float() * 10) + 1;
    return { client, calledAt, moment, returnedAt: freeAt[client]! - 0.5, stamp: `v${i}` };
  });
  let state: RegisterValue;
  const drawn = planned.sort((a, b) => a.moment - b.moment);
  return drawn.map(({ client, calledAt, returnedAt, stamp }) => {
    const isUnknown = prng.below(10) === 0;
    const kind = prng.below(3);
    let operation = read(state);
    if (kind === 1) {
      operation = write(stamp);
      state = stamp;
    } else if (kind === 2) {
      const expected = prng.below(2) === 0 ? state : "elsewhere";
      const swaps = expected === state;
      operation = swap(expected, stamp, isUnknown ? undefined : swaps);
      if (swaps) state = stamp;
    }
    return { key: "k", client, operation, calledAt, returnedAt: isUnknown ? NEVER : returnedAt };
  });
}

test("accepts histories of a real register, and rejects them with one read changed", () => {
  const seed = Number(process.env.KVORUM_SEED ?? Date.now() % 2 ** 32);
  console.log(`linearizability: KVORUM_SEED=${seed}`);
  for (let i = 0; i < 40; i++) {
    const history = truthfulHistory(seed + i, 400);
    expect(checkLinearizability(history).isLinearizable, `history ${i}`).toBe(true);
    const victim = history.findIndex(
      ({ operation, returnedAt }) => operation.kind === "read" && returnedAt !== NEVER,
    );
    const changed = history.map((entry, j) =>
      j === victim ? { ...entry, operation: read("never written") } : entry,
    );
    expect(checkLinearizability(changed).isLinearizable, `changed history ${i}`).toBe(false);
  }
});

test("decides long histories with much at once in little time", () => {
  const history = truthfulHistory(7, 5_000);
  expect(checkLinearizability(history).isLinearizable).toBe(true);
});
