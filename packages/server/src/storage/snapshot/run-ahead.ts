import { BackendError } from "@kvorum/backends";
import { type BoltStream, readFully } from "@kvorum/backends/boltfile";
import type { File } from "@kvorum/base";
import { asStorageError } from "./as-storage-error.js";
import { endWith } from "./end-with.js";
import { SNAPSHOT_AHEAD_BYTES } from "./limits.js";
import { createAnew, type SpoolPlace } from "./spool-place.js";

/** A chunk that waits for the receiver: itself, or where it stands in the spool. */
type Waiting = Buffer | { readonly position: number; readonly bytes: number };

/**
 * Reads `source` to its end as fast as it goes, whatever the pace of the receiver, and calls `ended`
 * at once behind it: so that a slow receiver doesn't hold up what the source stands on. What the
 * receiver has not taken waits in memory up to a bound, and beyond in a spool, which is made when it
 * is first needed.
 *
 * Begins at once. The chunks must be read to their end, or given up with `return()`, which waits
 * until the source has ended too; the spool is gone then.
 * @throws (while iterating) errors of the source; StorageError "NO_SPACE" | "IO" of the spool
 */
export function runAhead(
  source: BoltStream,
  spool: SpoolPlace,
  ended: () => Promise<void>,
): BoltStream {
  const ahead = new RunAhead(source, spool, ended);
  return { ...source, chunks: endWith(ahead.chunks(), () => ahead.stop()) };
}

class RunAhead {
  readonly #source: BoltStream;
  readonly #spool: SpoolPlace;
  readonly #reading: Promise<void>;
  #waiting: Waiting[] = [];
  #heldBytes = 0;
  /** Bytes of the spool that are used, and the chunks in it that wait. */
  #spoolBytes = 0;
  #spooledChunks = 0;
  #file: File | undefined;
  #failure: { readonly error: unknown } | undefined;
  #hasEnded = false;
  #isStopped = false;
  #wake: (() => void) | undefined;

  constructor(source: BoltStream, spool: SpoolPlace, ended: () => Promise<void>) {
    this.#source = source;
    this.#spool = spool;
    this.#reading = this.#read(ended);
  }

  async *chunks(): AsyncGenerator<Buffer, void, undefined> {
    for (;;) {
      const next = this.#waiting.shift();
      if (next !== undefined) {
        yield Buffer.isBuffer(next) ? this.#release(next) : await this.#unspool(next);
      } else if (this.#failure !== undefined) {
        throw this.#failure.error;
      } else if (this.#hasEnded) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  /** Resolves when nothing of it is left. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#waiting = [];
    await this.#reading;
    if (this.#file === undefined) return;
    await this.#file.close();
    await this.#spool.fs.remove(this.#spool.path);
  }

  async #read(ended: () => Promise<void>): Promise<void> {
    try {
      try {
        for await (const chunk of this.#source.chunks) {
          if (this.#isStopped) return;
          await this.#keep(chunk);
          this.#wake?.();
        }
      } finally {
        await ended();
      }
    } catch (error) {
      this.#failure = { error };
    } finally {
      this.#hasEnded = true;
      this.#wake?.();
    }
  }

  /** Behind a chunk in the spool one may be held in memory again: the list has their order. */
  async #keep(chunk: Buffer): Promise<void> {
    if (this.#heldBytes + chunk.length <= SNAPSHOT_AHEAD_BYTES) {
      this.#heldBytes += chunk.length;
      this.#waiting.push(chunk);
      return;
    }
    const { fs, path } = this.#spool;
    try {
      this.#file ??= await createAnew(fs, path);
      if (this.#spooledChunks === 0) this.#spoolBytes = 0;
      const position = this.#spoolBytes;
      await this.#file.write(chunk, position);
      this.#spoolBytes = position + chunk.length;
      this.#spooledChunks++;
      this.#waiting.push({ position, bytes: chunk.length });
      this.#source.memory.give(chunk);
    } catch (error) {
      throw asStorageError(error, "save a snapshot to", path);
    }
  }

  #release(chunk: Buffer): Buffer {
    this.#heldBytes -= chunk.length;
    return chunk;
  }

  async #unspool({ position, bytes }: Exclude<Waiting, Buffer>): Promise<Buffer> {
    const chunk = this.#source.memory.take(bytes).subarray(0, bytes);
    try {
      const count = await readFully(this.#file!, chunk, position);
      this.#spooledChunks--;
      if (count === bytes) return chunk;
      throw new BackendError("FORMAT", `${this.#spool.path}: ends at byte ${position + count}`);
    } catch (error) {
      throw asStorageError(error, "read a snapshot from", this.#spool.path);
    }
  }
}
