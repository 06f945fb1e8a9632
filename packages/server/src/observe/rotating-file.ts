import {
  closeSync,
  createWriteStream,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { open, rm } from "node:fs/promises";
import { dirname, join, parse } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import type { Clock } from "@kvorum/base";
import type { LogRotation } from "../config/config.js";
import type { LogSink } from "./log-sink.js";

export interface RotatingFileOptions {
  readonly path: string;
  readonly rotation: LogRotation;
  readonly clock: Clock;
}

const FILE_MODE = 0o600;
const STAMP = /^(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3})$/;

/**
 * A log file that is renamed to "name-2026-11-22T06-31-24.701.ext" when the next line would make it
 * larger than `maxSizeBytes`; older ones are removed by count and age, and packed if asked for. The
 * names are those of lumberjack, which etcd uses, so its files are recognised and cleaned up too.
 */
export class RotatingFile implements LogSink {
  readonly #options: RotatingFileOptions;
  #descriptor: number;
  #sizeBytes: number;

  /**
   * Makes the directories above the file that are missing, as lumberjack does.
   * @throws when a directory or the file can't be created
   */
  constructor(options: RotatingFileOptions) {
    this.#options = options;
    mkdirSync(dirname(options.path), { recursive: true, mode: 0o755 });
    this.#descriptor = openSync(options.path, "a", FILE_MODE);
    this.#sizeBytes = fstatSync(this.#descriptor).size;
  }

  write(line: string): void {
    const bytes = Buffer.from(line, "utf8");
    const { maxSizeBytes } = this.#options.rotation;
    try {
      if (this.#sizeBytes > 0 && this.#sizeBytes + bytes.length > maxSizeBytes) this.#rotate();
      this.#sizeBytes += writeSync(this.#descriptor, bytes);
    } catch {
      // The disk is full or the directory gone: the line is lost, the node goes on.
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #rotate(): void {
    const { path, rotation, clock } = this.#options;
    const { dir, name, ext } = parse(path);
    const backup = join(dir, `${name}-${stamp(clock.wallMs(), rotation.localTime)}${ext}`);
    renameSync(path, backup);
    const old = this.#descriptor;
    this.#descriptor = openSync(path, "a", FILE_MODE);
    this.#sizeBytes = 0;
    closeSync(old);
    if (rotation.compress) void pack(backup);
    this.#removeOld();
  }

  #removeOld(): void {
    const { path, rotation, clock } = this.#options;
    const { dir } = parse(path);
    const backups = listBackups(path);
    // One that is being packed has two files.
    const newestFirst = [...new Set(backups.map((backup) => backup.stamp))].reverse();
    const oldestKept =
      rotation.maxAgeMs > 0 ? stamp(clock.wallMs() - rotation.maxAgeMs, rotation.localTime) : "";
    const countKept = rotation.maxBackups > 0 ? rotation.maxBackups : newestFirst.length;
    const kept = newestFirst.slice(0, countKept).filter((each) => each >= oldestKept);
    for (const backup of backups) {
      if (!kept.includes(backup.stamp)) rmSync(join(dir, backup.file));
    }
  }
}

/** The rotated files of `path`, oldest first; packed ones too. */
function listBackups(path: string): { readonly file: string; readonly stamp: string }[] {
  const { dir, name, ext } = parse(path);
  const found: { readonly file: string; readonly stamp: string }[] = [];
  for (const file of readdirSync(dir === "" ? "." : dir)) {
    const plain = file.endsWith(".gz") ? file.slice(0, -".gz".length) : file;
    if (!plain.startsWith(`${name}-`) || !plain.endsWith(ext)) continue;
    const middle = plain.slice(name.length + 1, plain.length - ext.length);
    if (STAMP.test(middle)) found.push({ file, stamp: middle });
  }
  return found.sort((left, right) => (left.stamp < right.stamp ? -1 : 1));
}

/**
 * Beside the event loop, which a hundred megabytes would hold up for seconds. When it fails, for a
 * full disk say, or because the file was too old and went meanwhile, nothing packed is left.
 */
async function pack(path: string): Promise<void> {
  const packed = `${path}.gz`;
  try {
    const source = await open(path);
    await pipeline(
      source.createReadStream(),
      createGzip(),
      createWriteStream(packed, { mode: FILE_MODE }),
    );
    await rm(path);
  } catch {
    await rm(packed, { force: true }).catch(() => {});
  }
}

function stamp(wallMs: number, localTime: boolean): string {
  const offsetMs = localTime ? new Date(wallMs).getTimezoneOffset() * 60_000 : 0;
  return new Date(wallMs - offsetMs).toISOString().slice(0, -1).replaceAll(":", "-");
}
