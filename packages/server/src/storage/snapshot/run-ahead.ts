import { BackendError } from "@kvorum/backends";
import { type BoltStream, readFully } from "@kvorum/backends/boltfile";
import type { Clock, File } from "@kvorum/base";
import { asStorageError } from "./as-storage-error.js";
import { endWith } from "./end-with.js";
import { SNAPSHOT_AHEAD_BYTES, SNAPSHOT_PATIENCE_MS } from "./limits.js";
import { createAnew, type SpoolPlace } from "./spool-place.js";

/** A chunk that waits for the receiver: itself, or where it stands in the spool. */
type Waiting = Buffer | { readonly position: number; readonly bytes: number };

export interface RunAheadOptions {
  readonly spool: SpoolPlace;
  readonly clock: Clock;
  /** Called once, at once when the source has ended or failed. */
  readonly ended: () => Promise<void>;
}

/**
 * Reads `source` to its end, for `SNAPSHOT_PATIENCE_MS` more at most than it would take as fast as
 * it goes: so that a slow receiver doesn't hold up what the source stands on. What the receiver has
 * not taken waits in memory up to a bound, and beyond, when the patience is spent, in a spool, which
 * is made when it is first needed.
 *
 * Begins at once. The chunks must be read to their end, or given up with `return()`, which waits
 * until the source has ended too; the spool is gone then.
 * @throws (while iterating) errors of the source; StorageError "NO_SPACE" | "IO" of the spool
 */
export function runAhead(source: BoltStream, options: RunAheadOptions): BoltStream {
  const ahead = new RunAhead(source, options);
  return { ...source, chunks: endWith(ahead.chunks(), () => ahead.stop()) };
}

class RunAhead {
  readonly #source: BoltStream;
  readonly #spool: SpoolPlace;
  readonly #clock: Clock;
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
  #patienceMs = SNAPSHOT_PATIENCE_MS;
  /** The receiver has taken something, or will take nothing more. */
  #taken: (() => void) | undefined;

  constructor(source: BoltStream, { spool, clock, ended }: RunAheadOptions) {
    this.#source = source;
    this.#spool = spool;
    this.#clock = clock;
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
    this.#taken?.();
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
    while (this.#isFull(chunk) && this.#patienceMs > 0 && !this.#isStopped) await this.#wait();
    if (!this.#isFull(chunk)) {
      this.#heldBytes += chunk.length;
      this.#waiting.push(chunk);
      return;
    }
    if (this.#isStopped) return;
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

  #isFull(chunk: Buffer): boolean {
    return this.#heldBytes > 0 && this.#heldBytes + chunk.length > SNAPSHOT_AHEAD_BYTES;
  }

  /** Until the receiver takes a chunk from memory, or the patience is spent. */
  async #wait(): Promise<void> {
    const startMs = this.#clock.nowMs();
    await new Promise<void>((resolve) => {
      const timer = this.#clock.after(this.#patienceMs, resolve);
      this.#taken = () => {
        timer.clear();
        resolve();
      };
    });
    this.#taken = undefined;
    this.#patienceMs -= this.#clock.nowMs() - startMs;
  }

  #release(chunk: Buffer): Buffer {
    this.#heldBytes -= chunk.length;
    this.#taken?.();
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
