import { join } from "node:path";
import { nodeFileSystem } from "@kvorum/base/node";
import { type Entry, EntryType } from "@kvorum/raft";
import { Wal } from "@kvorum/server/storage";
import type { Stage } from "./stage.js";

const ENTRY_BYTES = 300;
const BATCH = 1000;

/** The log: durable appends of one entry, and of as many as a busy Ready holds. */
export const WAL_STAGE: Stage = {
  name: "wal",
  isPerEngine: false,
  async open({ directory }) {
    const wal = await Wal.create({
      fs: nodeFileSystem,
      directory: join(directory, "wal"),
      metadata: { memberId: 1n, clusterId: 1n },
    });
    const data = Buffer.alloc(ENTRY_BYTES, 7);
    let index = 0;
    const append = async (count: number): Promise<void> => {
      const entries = Array.from(
        { length: count },
        (): Entry => ({ term: 1, index: ++index, type: EntryType.Normal, data }),
      );
      await wal.append(undefined, entries, { sync: true });
      // What no snapshot needs is purged, so that a long bench fills no disk.
      if (index % 100_000 < count) {
        wal.releaseTo(index);
        await wal.purge(2);
      }
    };
    await wal.append({ term: 1, vote: 1n, commit: 0 }, [], { sync: true });
    return {
      cases: [
        { name: "append and sync 1 entry", operations: 1, run: () => append(1) },
        { name: "append and sync 1,000 entries", operations: BATCH, run: () => append(BATCH) },
      ],
      close: () => wal.close(),
    };
  },
};
