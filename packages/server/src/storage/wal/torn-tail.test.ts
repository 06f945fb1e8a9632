import { join } from "node:path";
import type { FileSystem, MemoryFileSystem } from "@kvorum/base";
import { describe, expect, test } from "vitest";
import { StorageError } from "../storage-error.js";
import { RecordEncoder } from "./record-encoder.js";
import { decodeRecord } from "./records.js";
import {
  createWal,
  makeEntries,
  newFileSystem,
  openWal,
  texts,
  WAL_DIRECTORY,
} from "./test-support.js";

const SYNC = { sync: true };
const SEGMENT_BYTES = 4096;
const PATH = join(WAL_DIRECTORY, "0000000000000000-0000000000000000.wal");

const kept = makeEntries(1, 6);
const last = makeEntries(7, 10, { bytes: 90 });

/** A log of two batches, and where each ends. */
async function twoBatches(): Promise<{ bytes: Buffer; lastStart: number; lastEnd: number }> {
  const fs = await newFileSystem();
  const wal = await createWal(fs, SEGMENT_BYTES);
  await wal.append({ term: 1, vote: 1n, commit: 6 }, kept, SYNC);
  const lastStart = usedBytes(await fs.readFile(PATH));
  await wal.append(undefined, last, SYNC);
  await wal.close();
  const bytes = await fs.readFile(PATH);
  return { bytes, lastStart, lastEnd: usedBytes(bytes) };
}

/** Walks over the frames, independently of the reader under test. */
function usedBytes(bytes: Buffer): number {
  let at = 0;
  while (at + 8 <= bytes.length && bytes.readUInt32LE(at) > 0) {
    at += 8 + bytes.readUInt32LE(at) + (bytes[at + 7]! & 7);
  }
  return at;
}

/** A file system in which the log consists of these bytes. */
async function withLog(bytes: Uint8Array): Promise<MemoryFileSystem> {
  const fs = await newFileSystem();
  await fs.makeDirectory(WAL_DIRECTORY);
  await fs.writeFile(PATH, bytes);
  return fs;
}

/** The log opens, has what was acknowledged and a prefix of the rest, and goes on from there. */
async function expectRecovered(fs: MemoryFileSystem, name: string): Promise<number> {
  const opened = await openWal(fs, { segmentBytes: SEGMENT_BYTES });
  const found = opened.entries.length;
  expect(texts(opened.entries), name).toEqual(texts([...kept, ...last].slice(0, found)));
  expect(found, name).toBeGreaterThanOrEqual(kept.length);
  const next = makeEntries(found + 1, 3, { term: 2 });
  await opened.wal.append({ term: 2, vote: 0n, commit: found }, next, SYNC);
  await opened.wal.close();
  const again = await openWal(fs, { segmentBytes: SEGMENT_BYTES });
  await again.wal.close();
  expect(again.repair, name).toBeUndefined();
  const expected = [...[...kept, ...last].slice(0, found), ...next];
  expect(texts(again.entries), name).toEqual(texts(expected));
  return found;
}

async function exists(fs: FileSystem, path: string): Promise<boolean> {
  return (await fs.stat(path)) !== undefined;
}

describe("a torn last batch", () => {
  test("cut off at every byte", async () => {
    const { bytes, lastStart, lastEnd } = await twoBatches();
    for (let end = lastStart; end <= lastEnd; end++) {
      const fs = await withLog(bytes.subarray(0, end));
      await expectRecovered(fs, `cut at ${end}`);
    }
  });

  test("followed by zeros from any sector on", async () => {
    const { bytes, lastStart, lastEnd } = await twoBatches();
    for (let from = Math.ceil(lastStart / 512) * 512; from < lastEnd; from += 512) {
      const fs = await withLog(Buffer.from(bytes).fill(0, from));
      await expectRecovered(fs, `zeros from ${from}`);
    }
  });

  test("followed by zeros from any byte, where the record holds an unwritten sector", async () => {
    const { bytes, lastStart, lastEnd } = await twoBatches();
    let recovered = 0;
    for (let from = lastStart; from < lastEnd; from++) {
      const fs = await withLog(Buffer.from(bytes).fill(0, from));
      try {
        await expectRecovered(fs, `zeros from ${from}`);
        recovered++;
      } catch (error) {
        // Zeros that start within a sector are no torn write, as a disk writes sectors whole.
        expect(error, `zeros from ${from}`).toBeInstanceOf(StorageError);
        expect((error as StorageError).code).toBe("CORRUPT");
      }
    }
    expect(recovered).toBeGreaterThan((lastEnd - lastStart) / 512);
  });

  test("with any one sector missing", async () => {
    const { bytes, lastStart, lastEnd } = await twoBatches();
    for (let from = Math.ceil(lastStart / 512) * 512; from < lastEnd; from += 512) {
      const fs = await withLog(Buffer.from(bytes).fill(0, from, from + 512));
      const found = await expectRecovered(fs, `sector ${from} missing`);
      expect(found).toBeLessThan(kept.length + last.length);
    }
  });

  test("leaves the whole file beside it and says where it cut", async () => {
    const { bytes, lastEnd } = await twoBatches();
    const torn = bytes.subarray(0, lastEnd - 3);
    const fs = await withLog(torn);
    const { wal, repair, entries } = await openWal(fs, { segmentBytes: SEGMENT_BYTES });
    await wal.close();
    expect(entries.length).toBe(kept.length + last.length - 1);
    expect(repair).toMatchObject({ path: PATH, brokenPath: `${PATH}.broken` });
    expect(await fs.readFile(`${PATH}.broken`)).toEqual(torn);
  });

  test("garbage behind a length of zero is ignored and zeroed", async () => {
    const { bytes, lastEnd } = await twoBatches();
    const dirty = Buffer.from(bytes).fill(0xab, lastEnd + 8, lastEnd + 700);
    const fs = await withLog(dirty);
    const { wal, repair } = await openWal(fs, { segmentBytes: SEGMENT_BYTES });
    await wal.close();
    expect(repair).toBeUndefined();
    expect(await fs.readFile(PATH)).toEqual(bytes);
  });
});

describe("damage that no torn write explains", () => {
  test("a flipped bit in a record's type, checksum or data is refused", async () => {
    const { bytes } = await twoBatches();
    // The frame of the first entry starts at 80; its record ends where its padding begins.
    const end = 88 + bytes.readUInt32LE(80);
    for (let at = 88; at < end; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 0x01;
      const fs = await withLog(damaged);
      const error: unknown = await openWal(fs, { segmentBytes: SEGMENT_BYTES }).catch((e) => e);
      expect(error, `bit at ${at}`).toBeInstanceOf(StorageError);
      expect((error as StorageError).code).toBe("CORRUPT");
      expect(await exists(fs, `${PATH}.broken`)).toBe(false);
      expect(await fs.readFile(PATH)).toEqual(damaged);
    }
  });

  test("the message names the file, the offset, both checksums and what to do", async () => {
    const { bytes } = await twoBatches();
    const damaged = Buffer.from(bytes);
    damaged[110]! ^= 1;
    const fs = await withLog(damaged);
    const error: unknown = await openWal(fs, { segmentBytes: SEGMENT_BYTES }).catch((e) => e);
    expect(error).toMatchObject({ code: "CORRUPT", path: PATH, offsetBytes: 80 });
    expect((error as StorageError).message).toMatch(
      /wal at offset 80: checksum 0x[0-9a-f]{8} where 0x[0-9a-f]{8} was expected; .*restore it/,
    );
  });

  test("a segment that breaks off is refused when another follows", async () => {
    const fs = await newFileSystem();
    const wal = await createWal(fs, 4096);
    for (let i = 0; i < 3; i++) await wal.append(undefined, makeEntries(1 + i * 50, 50), SYNC);
    await wal.close();
    const bytes = await fs.readFile(PATH);
    await fs.writeFile(PATH, bytes.subarray(0, bytes.length - 5));
    await expect(openWal(fs)).rejects.toMatchObject({ code: "CORRUPT", path: PATH });
  });

  test("an unknown kind of record is refused", async () => {
    const { bytes, lastEnd } = await twoBatches();
    let at = 0;
    let chain = 0;
    while (at < lastEnd) {
      const length = bytes.readUInt32LE(at);
      chain = decodeRecord(bytes, at + 8, at + 8 + length).crc;
      at += 8 + length + (bytes[at + 7]! & 7);
    }
    const encoder = new RecordEncoder(chain, Buffer.alloc(64));
    encoder.record(9 as 1, Buffer.from("future"));
    encoder.buffer.copy(bytes, lastEnd, 0, encoder.length);
    const fs = await withLog(bytes);
    await expect(openWal(fs)).rejects.toThrow(/unexpected block type 9/);
  });
});
