import { join } from "node:path";
import type { File, FileSystem } from "@kvorum/base";
import { createSegmentFile } from "./segment-file.js";

export interface SegmentPipelineOptions {
  readonly fs: FileSystem;
  readonly directory: string;
  readonly segmentBytes: number;
  readonly isDurable: boolean;
}

export interface PreparedSegment {
  readonly file: File;
  /** Such as "<directory>/0.tmp"; to be renamed before the next one is taken. */
  readonly path: string;
}

/**
 * Prepares the next segment, filled with zeros, while the current one is written. The two names
 * "0.tmp" and "1.tmp" alternate, so that a file just taken and the next one never meet.
 */
export class SegmentPipeline {
  readonly #options: SegmentPipelineOptions;
  #count = 0;
  #next: Promise<PreparedSegment> | undefined;
  #isClosed = false;

  constructor(options: SegmentPipelineOptions) {
    this.#options = options;
  }

  /** Starts in the background; does nothing when one is being prepared or ready. */
  prepare(): void {
    if (this.#next !== undefined || this.#isClosed) return;
    this.#next = this.#create();
    // A failure shows in `take`.
    this.#next.catch(() => undefined);
  }

  /** The prepared segment, which is then the caller's. A failed preparation is tried once more. */
  async take(): Promise<PreparedSegment> {
    this.prepare();
    let taken: PreparedSegment | undefined;
    try {
      taken = await this.#next;
    } catch {
      // The disk may have been full only for a while.
    }
    taken ??= await this.#create();
    this.#next = undefined;
    this.#count++;
    return taken;
  }

  /** Stops preparing and removes what was not taken. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const prepared = await this.#next?.catch(() => undefined);
    this.#next = undefined;
    if (prepared === undefined) return;
    await prepared.file.close();
    await this.#options.fs.remove(prepared.path);
  }

  async #create(): Promise<PreparedSegment> {
    const { fs, directory, segmentBytes, isDurable } = this.#options;
    const path = join(directory, `${this.#count % 2}.tmp`);
    if ((await fs.stat(path)) !== undefined) await fs.remove(path);
    const isCancelled = () => this.#isClosed;
    const file = await createSegmentFile({
      fs,
      path,
      segmentBytes,
      isDurable,
      isCancelled,
      zeroBytes: segmentBytes,
    });
    return { file, path };
  }
}
