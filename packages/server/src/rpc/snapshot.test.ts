import { etcdserverpb, limits } from "@kvorum/api";
import type { MessagePart, StreamCall } from "@kvorum/grpc";
import { expect, test } from "vitest";
import { sendSnapshot } from "./snapshot.js";

const TRAILER_BYTES = 32;

/** A call that holds what was written, up to a limit, and copies it when it is pumped. */
class FakeCall {
  onDrain: (() => void) | undefined;
  onCancel: (() => void) | undefined;
  cancelled = false;
  queuedBytes = 0;
  hasEnded = false;
  readonly sent: Buffer[] = [];
  readonly #queue: (readonly MessagePart[])[] = [];

  writeParts(parts: readonly MessagePart[]): boolean {
    this.#queue.push(parts);
    this.queuedBytes += lengthOf(parts);
    if (this.queuedBytes <= 64 * 1024) return true;
    setImmediate(() => this.pump(1));
    return false;
  }

  /** Copies all but `left` messages. */
  pump(left: number): void {
    while (this.#queue.length > left) {
      const parts = this.#queue.shift()!;
      this.queuedBytes -= lengthOf(parts);
      this.sent.push(Buffer.concat(parts.map(bytesOf)));
    }
    const { onDrain } = this;
    onDrain?.();
  }

  end(): void {
    this.hasEnded = true;
  }
}

const lengthOf = (parts: readonly MessagePart[]) =>
  parts.reduce((sum, part) => sum + part.length, 0);

/** In two pieces, as frames cut them. */
function bytesOf(part: MessagePart): Uint8Array {
  if (part instanceof Uint8Array) return part;
  const bytes = Buffer.alloc(part.length);
  const half = part.length >> 1;
  part.copyNext(bytes, 0, half);
  part.copyNext(bytes, half, part.length - half);
  return bytes;
}

function sourceOf(chunkSizes: readonly number[]) {
  const given: Buffer[] = [];
  const chunks = chunkSizes.map((size, i) => Buffer.alloc(size, i + 1));
  const bytes = Buffer.concat(chunks);
  const state = { returned: false };
  async function* all(): AsyncGenerator<Buffer> {
    try {
      yield* chunks;
    } finally {
      state.returned = true;
    }
  }
  // Whoever reads a chunk that was given back reads something else.
  const memory = { give: (chunk: Buffer) => void given.push(chunk.fill(0xff)) };
  const source = {
    storageVersion: () => "3.7.0",
    openSnapshot: async () => ({ totalBytes: bytes.length, chunks: all(), memory }),
  };
  return { source, bytes, given, state };
}

test("messages of 32 KiB say what remains, and chunks go back once they are copied", async () => {
  const sizes = [1 << 20, 1 << 20, 1 << 20, 700_000, 1 << 20, 4096, 8192, TRAILER_BYTES];
  const { source, bytes, given } = sourceOf(sizes);
  const call = new FakeCall();
  await sendSnapshot(call as unknown as StreamCall, source);
  expect(call.hasEnded).toBe(true);
  call.pump(0);
  const messages = call.sent.map((message) => etcdserverpb.SnapshotResponse.decode(message));
  expect(Buffer.concat(messages.map(({ blob }) => blob)).equals(bytes)).toBe(true);
  let remaining = bytes.length - TRAILER_BYTES;
  for (const { blob, remainingBytes, version, header } of messages) {
    remaining = Math.max(0, remaining - blob.length);
    expect(blob.length).toBeLessThanOrEqual(limits.snapshotChunkBytes);
    expect([Number(remainingBytes), version, header]).toEqual([remaining, "3.7.0", undefined]);
  }
  expect(messages.at(-1)!.blob.length).toBe(TRAILER_BYTES);
  expect(given.length).toBeGreaterThan(2);
});

test("the bytes of a message are those of the generated code", async () => {
  const { source, bytes } = sourceOf([40_000, TRAILER_BYTES]);
  const call = new FakeCall();
  await sendSnapshot(call as unknown as StreamCall, source);
  call.pump(0);
  const blob = bytes.subarray(0, limits.snapshotChunkBytes);
  const fields = { header: undefined, remainingBytes: 7_232n, blob, version: "3.7.0" };
  const expected = etcdserverpb.SnapshotResponse.encode(fields).finish();
  expect(call.sent[0]!.equals(expected)).toBe(true);
});

test("a client that is gone ends the reading", async () => {
  const { source, state } = sourceOf([1 << 20, 1 << 20, TRAILER_BYTES]);
  const call = new FakeCall();
  call.cancelled = true;
  await sendSnapshot(call as unknown as StreamCall, source);
  expect(state.returned).toBe(true);
  expect([call.sent, call.hasEnded]).toEqual([[], false]);
});
