import { createHash } from "node:crypto";
import { constants, mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { BackendError, BUCKETS } from "@kvorum/backends";

/**
 * The shortest persistent engine: all records in memory, every commit one line of a log that is
 * replayed at open. A line is a hash and the operations; a last line without its end was never
 * acknowledged and is cut off.
 */
class LogBackend {
  capabilities = CAPABILITIES;
  #path;
  #file;
  #buckets;
  #sizeBytes;
  #error;
  #queue = Promise.resolve();

  constructor(path, file, buckets, sizeBytes) {
    this.#path = path;
    this.#file = file;
    this.#buckets = buckets;
    this.#sizeBytes = sizeBytes;
  }

  get(bucket, key) {
    this.#check();
    const value = this.#buckets.get(bucket).get(hex(key));
    return value && Buffer.from(value);
  }

  commit(ops) {
    return this.#inTurn(async () => {
      const line = lineOf(ops);
      await writeAll(this.#file, line, this.#sizeBytes);
      await this.#file.datasync();
      this.#sizeBytes += line.length;
      apply(this.#buckets, ops);
    });
  }

  async view() {
    this.#check();
    const copy = new Map([...this.#buckets].map(([bucket, records]) => [bucket, new Map(records)]));
    const check = () => this.#check();
    let open = true;
    return {
      async *scan(bucket, { start, end } = {}) {
        const keys = [...copy.get(bucket).keys()].sort();
        const wanted = keys.filter(
          (key) => !(start && key < hex(start)) && !(end && key >= hex(end)),
        );
        let batch = { keys: [], values: [], bytes: 0 };
        for (const key of wanted) {
          if (!open) throw new BackendError("CLOSED", "the view is closed");
          check();
          const value = Buffer.from(copy.get(bucket).get(key));
          batch.keys.push(Buffer.from(key, "hex"));
          batch.values.push(value);
          batch.bytes += value.length;
          if (batch.keys.length < 4_096 && batch.bytes < 1 << 20) continue;
          yield batch;
          batch = { keys: [], values: [], bytes: 0 };
        }
        if (!open) throw new BackendError("CLOSED", "the view is closed");
        check();
        if (batch.keys.length > 0) yield batch;
      },
      async close() {
        open = false;
      },
    };
  }

  stat() {
    this.#check();
    return { sizeBytes: this.#sizeBytes, sizeInUseBytes: this.#sizeBytes };
  }

  /** Writes a log of one line beside the old one and puts it in its place; commits wait. */
  async defragment(onProgress) {
    let totalBytes = 0;
    await this.#inTurn(async () => {
      totalBytes = this.#sizeBytes;
      const ops = [];
      for (const [bucket, records] of this.#buckets) {
        for (const [key, value] of records)
          ops.push({ bucket, key: Buffer.from(key, "hex"), value });
      }
      const line = lineOf(ops);
      const file = await open(`${this.#path}.new`, "w+");
      await writeAll(file, line, 0);
      await file.sync();
      await rename(`${this.#path}.new`, this.#path);
      await syncDirectory(this.#path);
      await this.#file.close();
      this.#file = file;
      this.#sizeBytes = line.length;
    });
    // What the caller throws is no failure of the store.
    onProgress({ doneBytes: totalBytes, totalBytes });
  }

  async close() {
    await this.#queue;
    if (this.#error?.code === "CLOSED") return;
    this.#error = new BackendError("CLOSED", `${this.#path}: the store is closed`);
    await this.#file.close();
  }

  #check() {
    if (this.#error) throw this.#error;
  }

  /** Runs `work` after all that was asked before; the first failure is the answer to the rest. */
  #inTurn(work) {
    const run = this.#queue.then(async () => {
      this.#check();
      try {
        await work();
      } catch (error) {
        this.#error = asBackendError(error, this.#path);
        throw this.#error;
      }
    });
    this.#queue = run.catch(() => {});
    return run;
  }
}

const CAPABILITIES = {
  persistent: true,
  onlineDefragment: false,
  compression: false,
  zeroCopyReads: false,
};

export const engine = {
  name: "log",
  capabilities: CAPABILITIES,
  async open({ directory }) {
    const path = join(directory, "log");
    let file;
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
      await syncDirectory(path);
      const log = await readFile(path);
      const buckets = new Map(BUCKETS.map((bucket) => [bucket, new Map()]));
      let end = 0;
      for (let next = log.indexOf(10); next >= 0; next = log.indexOf(10, end)) {
        apply(buckets, opsOf(log.toString("latin1", end, next), path));
        end = next + 1;
      }
      await file.truncate(end);
      return new LogBackend(path, file, buckets, end);
    } catch (error) {
      await file?.close();
      throw asBackendError(error, path);
    }
  },
};

function lineOf(ops) {
  const text = JSON.stringify(
    ops.map(({ bucket, key, value }) => [
      bucket,
      hex(key),
      value === undefined ? null : hex(value),
    ]),
  );
  return Buffer.from(`${hashOf(text)} ${text}\n`);
}

function opsOf(line, path) {
  const text = line.slice(65);
  if (line.slice(0, 64) !== hashOf(text)) {
    throw new BackendError("CORRUPT", `${path}: a line is damaged; restore from a snapshot`);
  }
  return JSON.parse(text).map(([bucket, key, value]) => ({
    bucket,
    key: Buffer.from(key, "hex"),
    value: value === null ? undefined : Buffer.from(value, "hex"),
  }));
}

function apply(buckets, ops) {
  for (const { bucket, key, value } of ops) {
    if (value === undefined) buckets.get(bucket).delete(hex(key));
    else buckets.get(bucket).set(hex(key), Buffer.from(value));
  }
}

function asBackendError(error, path) {
  if (error instanceof BackendError) return error;
  const code = error.code === "ENOSPC" || error.code === "EDQUOT" ? "NO_SPACE" : "IO";
  return new BackendError(code, `${path}: ${error.message}`, { cause: error });
}

/** A write may take a part only: the disk is full then, which the next one says. */
async function writeAll(file, bytes, position) {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

async function syncDirectory(path) {
  const handle = await open(join(path, ".."), "r");
  await handle.sync();
  await handle.close();
}

function hashOf(text) {
  return createHash("sha256").update(text).digest("hex");
}

function hex(bytes) {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}
