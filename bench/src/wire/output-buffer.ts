import type { Socket } from "node:net";

const FIRST_BYTES = 64 * 1024;

/**
 * The bytes of one connection that wait for the end of the turn, in one buffer, so that many
 * requests cost one system call. Offsets into `bytes` hold until the next `reserve` or `flush`.
 */
export class OutputBuffer {
  bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  length = 0;

  /** Makes room for `count` more bytes behind `length`. */
  reserve(count: number): void {
    if (this.length + count <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.length + count));
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }

  append(bytes: Buffer): void {
    this.reserve(bytes.length);
    bytes.copy(this.bytes, this.length);
    this.length += bytes.length;
  }

  /** Writes everything. The buffer is used again where the kernel took all of it at once. */
  flush(socket: Socket): void {
    if (this.length === 0) return;
    socket.write(this.bytes.subarray(0, this.length));
    this.length = 0;
    if (socket.writableLength > 0) this.bytes = Buffer.allocUnsafeSlow(this.bytes.length);
  }
}
