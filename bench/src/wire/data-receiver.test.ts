import { createPrng } from "@kvorum/base";
import { describe, expect, it } from "vitest";
import type { Call, CallConnection } from "./call.js";
import { DataReceiver } from "./data-receiver.js";
import { MESSAGE_PREFIX_BYTES, messageEnd } from "./message-assembler.js";

const seed = Number(process.env.KVORUM_SEED ?? Math.floor(Math.random() * 2 ** 31));

function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(MESSAGE_PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** A call that keeps what it is given, one by one or, when `takesMany`, many at a time. */
function recorder(streamId: number, takesMany: boolean): Call & { readonly seen: string[] } {
  const seen: string[] = [];
  const take = (bytes: Buffer, start: number, end: number): void => {
    seen.push(bytes.toString("latin1", start, end));
  };
  return {
    ...{ path: "", keepsOpen: true, streamId, requestBytesMax: 0, seen },
    write: (_into, at) => at,
    onMessage: take,
    onEnd: () => undefined,
    ...(takesMany && {
      onMessages(bytes: Buffer, start: number, end: number): number {
        let at = start;
        let next = messageEnd(bytes, at, end);
        expect(next).toBeGreaterThan(0);
        for (; next >= 0; next = messageEnd(bytes, at, end)) {
          take(bytes, at + MESSAGE_PREFIX_BYTES, next);
          at = next;
        }
        return at;
      },
    }),
  };
}

const openForever = { isOpen: () => true } as unknown as CallConnection;

describe("DataReceiver", () => {
  it.each([1, 6, 40, 1000])("cuts two streams' frames of up to %i bytes", (longest) => {
    console.log(`KVORUM_SEED=${seed}`);
    const prng = createPrng(seed);
    const receiver = new DataReceiver(openForever);
    const streams = [recorder(1, false), recorder(3, true)].map((call) => {
      const messages = Array.from({ length: 60 }, (_, i) => Buffer.alloc(prng.below(40), 65 + i));
      return { call, messages, bytes: Buffer.concat(messages.map(framed)), at: 0 };
    });
    while (streams.some(({ at, bytes }) => at < bytes.length)) {
      const stream = streams[prng.below(2)]!;
      const end = Math.min(stream.bytes.length, stream.at + 1 + prng.below(longest));
      if (end > stream.at) receiver.push(stream.call, stream.bytes, stream.at, end);
      stream.at = end;
    }
    for (const { call, messages } of streams) {
      expect(call.seen).toEqual(messages.map((message) => message.toString("latin1")));
    }
  });

  it("hands nothing more to a call that ended in between", () => {
    const call = recorder(1, false);
    const isOpen = (): boolean => call.seen.length < 2;
    const receiver = new DataReceiver({ isOpen } as unknown as CallConnection);
    const bytes = Buffer.concat(["a", "b", "c"].map((text) => framed(Buffer.from(text))));
    receiver.push(call, bytes, 0, bytes.length);
    expect(call.seen).toEqual(["a", "b"]);
  });
});
