import { WireReader } from "@kvorum/api";
import { createPrng } from "@kvorum/base";
import type { Entry } from "@kvorum/raft";
import { describe, expect, test } from "vitest";
import { decodeEntry } from "../../consensus/decode-entry.js";
import { crc32c } from "../crc32c.js";
import { RecordEncoder } from "./record-encoder.js";
import {
  decodeHardState,
  decodeRecord,
  decodeWalSnapshot,
  encodeMetadata,
  encodeWalSnapshot,
  RecordType,
} from "./records.js";
import { texts } from "./test-support.js";

const seed = Number(process.env.KVORUM_SEED ?? 20_260_101);

function encoded(crc: number, fill: (encoder: RecordEncoder) => void): string {
  const encoder = new RecordEncoder(crc, Buffer.alloc(1024, 0xff));
  fill(encoder);
  return encoder.buffer.toString("hex", 0, encoder.length);
}

describe("the bytes of a log written by etcd 3.5.30", () => {
  test("checksum of the standard check string", () => {
    expect(crc32c(Buffer.from("123456789"), 0)).toBe(0xe3069283);
    const long = Buffer.from("123456789".repeat(50));
    const split = crc32c(long.subarray(7), crc32c(long.subarray(0, 7), 0));
    expect(crc32c(long, 0)).toBe(split);
  });

  test("a crc record of 0 opens the first segment", () => {
    expect(encoded(0, (encoder) => encoder.crcRecord())).toBe("04000000000000840804100000000000");
  });

  test("the first snapshot record", () => {
    const data = encodeWalSnapshot({ index: 0, term: 0 });
    expect(data.toString("hex")).toBe("08001000");
    const hex = encoded(0, (encoder) => encoder.record(RecordType.Snapshot, data));
    expect(hex.slice(0, 20)).toBe("0e000000000000820805");
    expect(hex.slice(-16)).toBe("1a04080010000000");
  });

  test("a hard state writes its zero fields", () => {
    const hex = encoded(0, (encoder) => encoder.state({ term: 1, vote: 0n, commit: 1 }));
    expect(hex).toMatch(/^1000000000000000080310.{10}1a06080110001801$/);
  });

  test("metadata are two plain varints", () => {
    const hex = encodeMetadata({ memberId: 2n ** 64n - 1n, clusterId: 1n }).toString("hex");
    expect(hex).toBe("08ffffffffffffffffff011001");
  });

  test("an empty entry has no data field", () => {
    const entry: Entry = { type: 0, term: 2, index: 2, data: Buffer.alloc(0) };
    const hex = encoded(0, (encoder) => encoder.entry(entry));
    expect(hex).toContain("1a06080010021802");
  });
});

describe("encoding and decoding", () => {
  test(`random entries come back, with a chained checksum (KVORUM_SEED=${seed})`, () => {
    const prng = createPrng(seed);
    const encoder = new RecordEncoder(7, Buffer.alloc(8));
    const entries: Entry[] = [];
    for (let i = 0; i < 2000; i++) {
      const data = Buffer.from(Array.from({ length: prng.below(400) }, () => prng.below(256)));
      const index = prng.below(2) === 0 ? prng.below(1000) : prng.below(2 ** 31) * 2 ** 21;
      entries.push({ type: 0, term: prng.below(2 ** 31) * prng.below(2 ** 21), index, data });
    }
    encoder.reserve(entries);
    for (const entry of entries) encoder.entry(entry);

    const { buffer } = encoder;
    let crc = 7;
    let at = 0;
    let shortChecksums = 0;
    for (const entry of entries) {
      const length = buffer.readUInt32LE(at);
      const padding = buffer[at + 7]! & 7;
      const record = decodeRecord(buffer, at + 8, at + 8 + length);
      crc = crc32c(record.data, crc);
      if (crc < 2 ** 28) shortChecksums++;
      expect(record.crc).toBe(crc);
      expect(texts([decodeEntry(new WireReader(record.data))])).toEqual(texts([entry]));
      expect((length + padding) % 8).toBe(0);
      const pad = buffer.toString("hex", at + 8 + length, at + 8 + length + padding);
      expect(pad).toBe("00".repeat(padding));
      at += 8 + length + padding;
    }
    expect(at).toBe(encoder.length);
    // The rarer place of the head must have been exercised.
    expect(shortChecksums).toBeGreaterThan(20);
  });

  test("hard states and snapshots come back", () => {
    const state = { term: 2 ** 40, vote: 2n ** 64n - 5n, commit: 2 ** 33 + 1 };
    const encoder = new RecordEncoder(0, Buffer.alloc(8));
    encoder.state(state);
    const record = decodeRecord(encoder.buffer, 8, 8 + encoder.buffer.readUInt32LE(0));
    expect(decodeHardState(record.data)).toEqual(state);
    const confState = {
      voters: [1n, 2n ** 63n],
      learners: [3n],
      votersOutgoing: [4n],
      learnersNext: [5n],
      autoLeave: true,
    };
    const snapshot = { index: 12, term: 3, confState };
    expect(decodeWalSnapshot(encodeWalSnapshot(snapshot))).toEqual(snapshot);
  });

  test("packed ids of a conf state are read too", () => {
    const bytes = Buffer.from("080c10031a060a0201021003", "hex");
    const { confState } = decodeWalSnapshot(bytes);
    expect(confState?.voters).toEqual([1n, 2n]);
    expect(confState?.learners).toEqual([3n]);
  });
});
