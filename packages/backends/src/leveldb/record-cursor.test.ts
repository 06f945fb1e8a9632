import { expect, test } from "vitest";
import { type RecordCursor, RecordMerge } from "./record-cursor.js";

const RANGE = { gte: Buffer.from("a"), lt: Buffer.from("z") };

test("runs come together in the order of their keys, each with its newest version", () => {
  const { merge } = mergeOf("b9 b2 d4", "b1 c5", "a3 d7 e8");
  expect(readAll(merge)).toEqual(["a3", "b9", "c5", "d4", "e8"]);
});

test("a deletion takes older versions away", () => {
  const { merge } = mergeOf("b- d4 e-", "b1 c5", "a3 d- e8");
  expect(readAll(merge)).toEqual(["a3", "c5", "d4"]);
});

test("what is handed out is left to its own checksum, what a key decides is checked", () => {
  const one = mergeOf("a1 b2 c- d4 d3 e5");
  expect(readAll(one.merge)).toEqual(["a1", "b2", "d4", "e5"]);
  expect(one.checked).toEqual(["a1", "c-", "d3"]);

  const turns = mergeOf("b2 c3 f6", "d4 e5 z9");
  expect(readAll(turns.merge)).toEqual(["b2", "c3", "d4", "e5", "f6"]);
  expect(turns.checked).toEqual(["b2", "d4", "f6", "z9", "z9"]);

  const skipped = mergeOf("A1 B2 c3");
  expect(readAll(skipped.merge)).toEqual(["c3"]);
  expect(skipped.checked).toEqual(["A1", "B2", "c3"]);
});

test("a run that is out of order is refused", () => {
  const { merge } = mergeOf("b1 d2 c3 e4");
  expect(() => readAll(merge)).toThrow("/data: records are out of the order of their keys");
});

function readAll(merge: RecordMerge): string[] {
  const found: string[] = [];
  for (let run = merge.next(); run !== undefined; run = merge.next()) found.push(shown(run));
  return found;
}

function shown({ key, keyLength, values, valueStart, valueEnd }: RecordCursor): string {
  return key.toString("latin1", 0, keyLength) + values.toString("latin1", valueStart, valueEnd);
}

/** Of runs as `runOf` makes them, and the versions that it has checked. */
function mergeOf(...runs: string[]): { merge: RecordMerge; checked: string[] } {
  const checked: string[] = [];
  const cursors = runs.map((versions) => runOf(versions, checked));
  return { merge: new RecordMerge("/data", cursors, RANGE), checked };
}

/** Versions, each a letter for its key and a digit for its value, or a dash for a deletion. */
function runOf(versions: string, checked: string[]): RecordCursor {
  const all = versions.split(" ");
  let at = -1;
  return {
    get key() {
      return Buffer.from(all[at]!.charAt(0), "latin1");
    },
    keyLength: 1,
    get isPut() {
      return all[at]!.charAt(1) !== "-";
    },
    get values() {
      return Buffer.from(all[at]!.charAt(1), "latin1");
    },
    valueStart: 0,
    valueEnd: 1,
    advance: () => ++at < all.length,
    check: () => void checked.push(all[at]!),
  };
}
