import { ClassicLevel } from "classic-level";
import { LEVELDB_WRITE_BUFFER_BYTES } from "../limits.js";

export type LeveldbStore = ClassicLevel<Buffer, Buffer>;

/** Opens the store; further calls in this process, from any thread, join the first one. */
export async function openStore(directory: string): Promise<LeveldbStore> {
  const store: LeveldbStore = new ClassicLevel<Buffer, Buffer>(directory, {
    keyEncoding: "buffer",
    valueEncoding: "buffer",
    compression: true,
    multithreading: true,
    writeBufferSize: LEVELDB_WRITE_BUFFER_BYTES,
  });
  await store.open();
  return store;
}
