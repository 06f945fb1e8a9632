import { writeVarint, writeVarint64 } from "@kvorum/base";

/**
 * Builds one protobuf message on a cold path, with every field it is given: etcd's files hold the
 * zero ones too. What the log writes often goes straight into its batch buffer.
 */
export class MessageWriter {
  readonly #parts: Uint8Array[] = [];

  number(field: number, value: number): this {
    const bytes = new Uint8Array(20);
    const at = writeVarint(bytes, 0, field << 3);
    this.#parts.push(bytes.subarray(0, writeVarint(bytes, at, value)));
    return this;
  }

  uint64(field: number, value: bigint): this {
    const bytes = new Uint8Array(20);
    const at = writeVarint(bytes, 0, field << 3);
    this.#parts.push(bytes.subarray(0, writeVarint64(bytes, at, value)));
    return this;
  }

  bytes(field: number, value: Uint8Array): this {
    const head = new Uint8Array(20);
    const at = writeVarint(head, 0, (field << 3) | 2);
    this.#parts.push(head.subarray(0, writeVarint(head, at, value.length)), value);
    return this;
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts);
  }
}
