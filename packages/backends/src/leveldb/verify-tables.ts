import { closeSync, openSync } from "node:fs";
import { BUCKET_IDS } from "../common/bucket-id.js";
import { filesOf } from "../common/directory.js";
import type { CheckedBlocks } from "./checked-blocks.js";
import { fileNumber, type LiveFiles } from "./manifest.js";
import {
  type Block,
  checkBlock,
  endOf,
  type OpenTable,
  readAt,
  readTable,
} from "./table-format.js";

const READ_BYTES = 1 << 20;

/**
 * The parts of a table: "small" has what tells where records are and every block that may hold
 * records of another bucket than "key"; "large" has the rest.
 */
type Part = "small" | "large";

/** The live tables, opened. */
export async function openTables(directory: string, live: LiveFiles): Promise<OpenTable[]> {
  const files = await filesOf(directory, [".ldb", ".sst"]);
  const tables: OpenTable[] = [];
  try {
    for (const file of files) {
      // A table that was being written when the process ended has no end, and isn't live.
      if (!live.tables.has(fileNumber(file))) continue;
      tables.push({ file, descriptor: openSync(file, "r") });
    }
  } catch (error) {
    closeTables(tables);
    throw error;
  }
  return tables;
}

export function closeTables(tables: readonly OpenTable[]): void {
  for (const { descriptor } of tables) closeSync(descriptor);
}

/**
 * Checks blocks of tables against their checksums; yields after each megabyte or less. LevelDB has
 * these checksums and reads without looking at them, so a key that was damaged would only be
 * missing.
 * @param checked blocks that are left out; more may be added meanwhile
 * @throws BackendError "CORRUPT" naming the table
 */
export function* verifyTables(
  tables: readonly OpenTable[],
  parts: readonly Part[],
  checked?: CheckedBlocks,
): Generator<void, void> {
  for (const table of tables) {
    const { small, large } = partsOf(table);
    const done = checked?.of(table.file);
    for (const part of parts) yield* checkBlocks(table, part === "small" ? small : large, done);
  }
}

/** The blocks of a table by parts, after checking what tells of them. */
function partsOf(table: OpenTable): Readonly<Record<Part, readonly Block[]>> {
  const { meta, data } = readTable(table);
  const small = [...meta];
  const large: Block[] = [];
  let isAfterKeyBucket = false;
  for (const { key, block } of data) {
    // The keys of a block lie above the entry before it and up to its own.
    const isKeyBucket = key[0] === BUCKET_IDS.key;
    (isAfterKeyBucket && isKeyBucket ? large : small).push(block);
    isAfterKeyBucket = isKeyBucket;
  }
  return { small, large };
}

/** Blocks lie one after the other, so several are read in one go. */
function* checkBlocks(
  { file, descriptor }: OpenTable,
  blocks: readonly Block[],
  done: ReadonlySet<number> | undefined,
): Generator<void, void> {
  let first = 0;
  while (first < blocks.length) {
    if (done?.has(blocks[first]!.offset)) {
      first++;
      continue;
    }
    const start = blocks[first]!.offset;
    let last = first;
    while (last + 1 < blocks.length && isNear(blocks[last]!, blocks[last + 1]!, start)) last++;
    const bytes = readAt(descriptor, start, endOf(blocks[last]!) - start);
    for (let i = first; i <= last; i++) {
      const block = blocks[i]!;
      checkBlock(file, bytes.subarray(block.offset - start, endOf(block) - start), block);
    }
    first = last + 1;
    yield;
  }
}

function isNear(block: Block, next: Block, start: number): boolean {
  return next.offset === endOf(block) && endOf(next) - start <= READ_BYTES;
}
