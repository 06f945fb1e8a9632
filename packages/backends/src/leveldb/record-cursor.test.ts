import { expect, test } from "vitest";
import { type RecordCursor, RecordMerge } from "./record-cursor.js";

const RANGE = { gte: Buffer.from("a"), lt: Buffer.from("z") };

test("runs come together in the order of their keys, each with its newest version", () => {
  const merge = new RecordMerge(
    "/data",
    [runOf("b9 b2 d4"), runOf("b1 c5"), runOf("a3 e8")],
    RANGE,
  );
  expect(readAll(merge)).toEqual(["a3", "b9", "c5", "d4", "e8"]);
});

test("a run that is out of order is refused", () => {
  const merge = new RecordMerge("/data", [runOf("b1 d2 c3 e4")], RANGE);
  expect(() => readAll(merge)).toThrow("/data: records are out of the order of their keys");
});

function readAll(merge: RecordMerge): string[] {
  const found: string[] = [];
  for (let run = merge.next(); run !== undefined; run = merge.next()) {
    found.push(run.key.toString("latin1", 0, run.keyLength) + run.sequence);
  }
  return found;
}

/** Puts, each a letter for its key and a digit for its sequence number. */
function runOf(puts: string): RecordCursor {
  const records = puts.split(" ");
  let at = -1;
  return {
    get key() {
      return Buffer.from(records[at]!.charAt(0), "latin1");
    },
    keyLength: 1,
    get sequence() {
      return Number(records[at]!.charAt(1));
    },
    isPut: true,
    values: Buffer.alloc(0),
    valueStart: 0,
    valueEnd: 0,
    advance: () => ++at < records.length,
  };
}
