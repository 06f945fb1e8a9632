import { createPrng } from "@kvorum/base";
import { describe, expect, it } from "vitest";
import { FRAME_HEADER_BYTES, frame } from "./frame.js";
import { FrameSplitter } from "./frame-splitter.js";
import { MessageAssembler, messageEnd } from "./message-assembler.js";
import { SendQueue } from "./send-queue.js";

const seed = Number(process.env.KVORUM_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** Cuts bytes at random places. */
function cut(bytes: Buffer, prng: ReturnType<typeof createPrng>, longest: number): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + 1 + prng.below(longest));
    parts.push(bytes.subarray(at, end));
    at = end;
  }
  return parts;
}

describe("FrameSplitter", () => {
  it.each([1, 8, 12, 300, 50_000])("finds every frame in chunks of up to %i bytes", (longest) => {
    console.log(`KVORUM_SEED=${seed}`);
    const prng = createPrng(seed);
    const payloads = Array.from({ length: 40 }, (_, i) =>
      Buffer.alloc(i === 7 ? 40_000 : prng.below(50), i),
    );
    const bytes = Buffer.concat(payloads.map((payload, i) => frame(0, i, i + 1, payload)));
    const seen: Buffer[] = [];
    const splitter = new FrameSplitter((from, at, length) => {
      expect(from[at + 4]).toBe(seen.length);
      const start = at + FRAME_HEADER_BYTES;
      seen.push(Buffer.from(from.subarray(start, start + length)));
    });
    for (const part of cut(bytes, prng, longest)) splitter.push(part, part.length);
    expect(seen).toEqual(payloads);
  });
});

describe("MessageAssembler", () => {
  it.each([1, 4, 7, 1000])("puts messages together from pieces of up to %i bytes", (longest) => {
    console.log(`KVORUM_SEED=${seed}`);
    const prng = createPrng(seed);
    const messages = Array.from({ length: 30 }, (_, i) => Buffer.alloc(prng.below(40), i));
    const bytes = Buffer.concat(
      messages.flatMap((message) => {
        const prefix = Buffer.alloc(5);
        prefix.writeUInt32BE(message.length, 1);
        return [prefix, message];
      }),
    );
    const assembler = new MessageAssembler();
    const seen: Buffer[] = [];
    for (const part of cut(bytes, prng, longest)) {
      for (let at = 0; at < part.length; ) {
        at = assembler.push(part, at, part.length, (message, start, end) => {
          seen.push(Buffer.from(message.subarray(start, end)));
        });
      }
    }
    expect(seen).toEqual(messages);
    expect(assembler.isEmpty).toBe(true);
  });

  it("refuses a compressed message", () => {
    const bytes = Buffer.from([1, 0, 0, 0, 0]);
    expect(() => new MessageAssembler().push(bytes, 0, 5, () => undefined)).toThrow(/compressed/);
    expect(() => messageEnd(bytes, 0, 5)).toThrow(/compressed/);
  });
});

describe("messageEnd", () => {
  it("finds the end of a whole message only", () => {
    const bytes = Buffer.from([9, 0, 0, 0, 1, 2, ...Buffer.alloc(258), 9]);
    expect(messageEnd(bytes, 1, 264)).toBe(264);
    expect(messageEnd(bytes, 1, 263)).toBe(-1);
    expect(messageEnd(bytes, 1, 5)).toBe(-1);
  });
});

describe("SendQueue", () => {
  it("keeps to the windows of stream and connection, frame by frame", () => {
    const queue = new SendQueue();
    const sent: string[] = [];
    const drain = (): void =>
      queue.drain((id, _bytes, start, end, ends) => {
        sent.push(`${id}:${end - start}${ends ? " end" : ""}`);
      });
    expect(queue.fitsAtOnce(16_384)).toBe(true);
    expect(queue.fitsAtOnce(16_385)).toBe(false);
    queue.push(1, Buffer.alloc(70_000), true);
    queue.push(3, Buffer.alloc(10), true);
    drain();
    // The connection's 65,535 bytes are spent on the first stream.
    expect(sent).toEqual(["1:16384", "1:16384", "1:16384", "1:16383"]);
    expect(queue.fitsAtOnce(1)).toBe(false);
    sent.length = 0;
    queue.grow(0, 1000);
    drain();
    // Stream 1 has no window of its own left, so stream 3 goes first.
    expect(sent).toEqual(["3:10 end"]);
    queue.grow(1, 100_000);
    queue.grow(0, 100_000);
    drain();
    expect(sent).toEqual(["3:10 end", "1:4465 end"]);
    expect(queue.waitingStreams).toBe(0);
  });

  it("moves open windows with SETTINGS", () => {
    const queue = new SendQueue();
    const sent: number[] = [];
    queue.setInitialWindow(10);
    queue.push(1, Buffer.alloc(25), true);
    const drain = (): void => queue.drain((_id, _bytes, start, end) => sent.push(end - start));
    drain();
    queue.setInitialWindow(20);
    drain();
    expect(sent).toEqual([10, 10]);
    queue.forget(1);
    queue.grow(1, 100);
    drain();
    expect(sent).toEqual([10, 10]);
  });
});
