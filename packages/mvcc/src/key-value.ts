import type { RawKeyValue } from "@kvorum/api";
import {
  asBuffer,
  varintSize,
  varintSize64,
  varintValue64,
  writeVarint,
  writeVarint64,
} from "@kvorum/base";
import { MvccError } from "./error.js";
import type { Slab } from "./slab.js";

/** The fields of `mvccpb.KeyValue`; revisions and the version are safe integers, not negative. */
export interface KeyValueFields {
  readonly key: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly value: Uint8Array;
  /** Signed 64 bits; 0n is "none". */
  readonly lease: bigint;
}

/**
 * The wire bytes of `mvccpb.KeyValue` in one exact Buffer; key and value are copied into it. Zero
 * fields are left out, as every encoder of proto3 does. The Buffer is cut from `slab` if given.
 *
 *   0a key | 10 create | 18 mod | 20 version | 2a value | 30 lease
 */
export function encodeKeyValue(fields: KeyValueFields, slab?: Slab): Buffer {
  const size = sizeOfKeyValue(fields);
  const bytes = slab === undefined ? Buffer.allocUnsafe(size) : slab.take(size);
  writeKeyValue(fields, bytes, 0);
  return bytes;
}

/** Bytes that `writeKeyValue` writes. */
export function sizeOfKeyValue(fields: KeyValueFields): number {
  const { key, value, createRevision, modRevision, version, lease } = fields;
  const keyBytes = key.length;
  const valueBytes = value.length;
  let size = 0;
  if (keyBytes !== 0) size += 1 + varintSize(keyBytes) + keyBytes;
  if (createRevision !== 0) size += 1 + varintSize(createRevision);
  if (modRevision !== 0) size += 1 + varintSize(modRevision);
  if (version !== 0) size += 1 + varintSize(version);
  if (valueBytes !== 0) size += 1 + varintSize(valueBytes) + valueBytes;
  if (lease !== 0n) size += 1 + varintSize64(lease);
  return size;
}

/** As `encodeKeyValue`, at `start` of `bytes`. */
export function writeKeyValue(fields: KeyValueFields, bytes: Buffer, start: number): void {
  const { key, value, createRevision, modRevision, version, lease } = fields;
  const keyBytes = key.length;
  const valueBytes = value.length;
  let at = start;
  if (keyBytes !== 0) {
    bytes[at] = TAG_KEY;
    at = writeVarint(bytes, at + 1, keyBytes);
    bytes.set(key, at);
    at += keyBytes;
  }
  if (createRevision !== 0) {
    bytes[at] = TAG_CREATE_REVISION;
    at = writeVarint(bytes, at + 1, createRevision);
  }
  if (modRevision !== 0) {
    bytes[at] = TAG_MOD_REVISION;
    at = writeVarint(bytes, at + 1, modRevision);
  }
  if (version !== 0) {
    bytes[at] = TAG_VERSION;
    at = writeVarint(bytes, at + 1, version);
  }
  if (valueBytes !== 0) {
    bytes[at] = TAG_VALUE;
    at = writeVarint(bytes, at + 1, valueBytes);
    bytes.set(value, at);
    at += valueBytes;
  }
  if (lease !== 0n) {
    bytes[at] = TAG_LEASE;
    writeVarint64(bytes, at + 1, lease);
  }
}

/** Bytes of a KeyValue with nothing but a key, as a tombstone's record is. */
export function sizeOfKeyAlone(key: string): number {
  return 1 + varintSize(key.length) + key.length;
}

/**
 * Writes a KeyValue with nothing but a key, one character a byte, at `start` of `bytes`.
 * @returns where the key's own bytes begin
 */
export function writeKeyAlone(key: string, bytes: Buffer, start: number): number {
  bytes[start] = TAG_KEY;
  const keyStart = writeVarint(bytes, start + 1, key.length);
  for (let i = 0; i < key.length; i++) bytes[keyStart + i] = key.charCodeAt(i);
  return keyStart;
}

/** What watchers are told of a deleted key: a KeyValue with nothing but these two fields. */
export function encodeDeleted(key: string, modRevision: number, slab?: Slab): Buffer {
  const size = sizeOfKeyAlone(key) + 1 + varintSize(modRevision);
  const bytes = slab === undefined ? Buffer.allocUnsafe(size) : slab.take(size);
  const keyEnd = writeKeyAlone(key, bytes, 0) + key.length;
  bytes[keyEnd] = TAG_MOD_REVISION;
  writeVarint(bytes, keyEnd + 1, modRevision);
  return bytes;
}

/**
 * Reads the fields of one encoded KeyValue after the other without allocating for them. Fields may
 * come in any order; unknown ones are skipped; an empty record is a KeyValue of zero fields.
 */
export class KeyValueReader {
  createRevision = 0;
  modRevision = 0;
  version = 0;
  lease = 0n;
  keyStart = 0;
  keyEnd = 0;
  valueStart = 0;
  valueEnd = 0;
  #bytes: Uint8Array = EMPTY;
  #at = 0;
  #end = 0;

  /** @param raw borrowed until the next call. @throws MvccError "CORRUPT" */
  read(raw: RawKeyValue): this {
    return this.readAt(raw, 0, raw.length);
  }

  /**
   * As `read`, of the record at [start, end) of `bytes`; the positions of the key and of the value
   * are positions in `bytes`.
   */
  readAt(bytes: Uint8Array, start: number, end: number): this {
    this.#reset(bytes, start, end);
    while (this.#at < end) {
      const tag = this.#varint();
      if (tag === TAG_KEY) {
        this.keyEnd = this.#lengthDelimited();
        this.keyStart = this.#start;
      } else if (tag === TAG_CREATE_REVISION) this.createRevision = this.#varint();
      else if (tag === TAG_MOD_REVISION) this.modRevision = this.#varint();
      else if (tag === TAG_VERSION) this.version = this.#varint();
      else if (tag === TAG_VALUE) {
        this.valueEnd = this.#lengthDelimited();
        this.valueStart = this.#start;
      } else if (tag === TAG_LEASE) {
        const valueStart = this.#at;
        this.#varint();
        this.lease = BigInt.asIntN(64, varintValue64(bytes, valueStart, this.#at));
      } else this.#skip(tag);
    }
    return this;
  }

  /** One character a byte. */
  keyText(): string {
    return asBuffer(this.#bytes).latin1Slice(this.keyStart, this.keyEnd);
  }

  /** A view of the record's own memory. */
  key(): Uint8Array {
    return this.#bytes.subarray(this.keyStart, this.keyEnd);
  }

  /** A view of the record's own memory. */
  value(): Uint8Array {
    return this.#bytes.subarray(this.valueStart, this.valueEnd);
  }

  #start = 0;
  #recordStart = 0;

  #reset(bytes: Uint8Array, start: number, end: number): void {
    this.createRevision = 0;
    this.modRevision = 0;
    this.version = 0;
    this.lease = 0n;
    this.keyStart = 0;
    this.keyEnd = 0;
    this.valueStart = 0;
    this.valueEnd = 0;
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#recordStart = start;
  }

  #varint(): number {
    const bytes = this.#bytes;
    const last = Math.min(this.#at + 10, this.#end);
    let value = 0;
    let scale = 1;
    while (this.#at < last) {
      const byte = bytes[this.#at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
    throw this.#corrupt();
  }

  #lengthDelimited(): number {
    const length = this.#varint();
    this.#start = this.#at;
    this.#at += length;
    if (this.#at > this.#end) throw this.#corrupt();
    return this.#at;
  }

  #skip(tag: number): void {
    const wireType = tag % 8;
    if (wireType === 0) this.#varint();
    else if (wireType === 2) this.#lengthDelimited();
    else if (wireType === 1) this.#at += 8;
    else if (wireType === 5) this.#at += 4;
    else throw this.#corrupt();
  }

  #corrupt(): MvccError {
    const head = asBuffer(this.#bytes).subarray(this.#recordStart, this.#end).subarray(0, 64);
    return new MvccError("CORRUPT", `not a KeyValue: ${head.toString("hex")}`);
  }
}

const EMPTY = Buffer.alloc(0);
const TAG_KEY = 0x0a;
const TAG_CREATE_REVISION = 0x10;
const TAG_MOD_REVISION = 0x18;
const TAG_VERSION = 0x20;
const TAG_VALUE = 0x2a;
const TAG_LEASE = 0x30;
