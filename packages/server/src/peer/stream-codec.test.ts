import { createPrng } from "@kvorum/base";
import { type Message, MessageType } from "@kvorum/raft";
import { describe, expect, it } from "vitest";
import { createStreamDecoder, createStreamEncoder } from "./create-stream-codec.js";
import { EntriesEncoder } from "./entries-encoder.js";
import type { StreamKind } from "./stream-codec.js";
import { appendOf, messageOf, randomMessage, takeSeed } from "./testing/messages.js";

const ENDS = { local: 2n, remote: 1n };

function encodeAll(kind: StreamKind, messages: readonly Message[]): Buffer {
  const encoder = createStreamEncoder(kind, new EntriesEncoder());
  const parts: Buffer[] = [];
  for (const message of messages) encoder.encode(message, parts);
  return Buffer.concat(parts);
}

function decodeAll(kind: StreamKind, pieces: readonly Buffer[]): Message[] {
  const decoder = createStreamDecoder(kind, ENDS);
  const messages: Message[] = [];
  for (const piece of pieces) decoder.push(piece, messages);
  return messages;
}

describe("msgappv2", () => {
  const first = messageOf({
    type: MessageType.App,
    to: 2n,
    from: 1n,
    term: 1,
    logTerm: 1,
    index: 5,
    commit: 4,
    entries: [{ type: 0, term: 1, index: 6, data: Buffer.from("a") }],
  });
  const second = messageOf({
    ...first,
    index: 6,
    commit: 5,
    entries: [
      { type: 0, term: 1, index: 7, data: Buffer.from("b") },
      { type: 1, term: 1, index: 8, data: new Uint8Array(0) },
    ],
  });
  const commit = messageOf({ ...first, index: 8, commit: 8, entries: [] });

  it("sends the first append whole and what follows in short", () => {
    const whole =
      "02" +
      "000000000000002e" +
      "08031002180120012801" +
      "3005" +
      "3a09080010011806220161" +
      "4004" +
      "4a0a12080a02280010001800" +
      "50005800";
    const short =
      "01" +
      "0000000000000002" +
      "0000000000000009" +
      "080010011807220162" +
      "0000000000000006" +
      "080110011808" +
      "0000000000000005";
    const empty = "01" + "0000000000000000" + "0000000000000008";
    const bytes = encodeAll("msgapp", [first, second, commit]);
    const sum = Buffer.from(whole, "hex").length - 9;
    expect(bytes.toString("hex")).toBe(
      whole.replace("2e", sum.toString(16).padStart(2, "0")) + short + empty,
    );
    expect(decodeAll("msgapp", [bytes])).toEqual([first, second, commit]);
  });

  it("goes back to whole messages after a gap or a new term", () => {
    const gap = messageOf({ ...first, index: 9, entries: [] });
    const next = messageOf({ ...gap, index: 9, commit: 9 });
    const newTerm = messageOf({ ...gap, term: 2 });
    // The entry before is of the older term, so the short form would lose it.
    const messages = [first, gap, next, newTerm, messageOf({ ...newTerm, logTerm: 2 })];
    const types = messages.map((_, i) => {
      const before = encodeAll("msgapp", messages.slice(0, i)).length;
      return encodeAll("msgapp", messages)[before];
    });
    expect(types).toEqual([2, 2, 1, 2, 1]);
    expect(decodeAll("msgapp", [encodeAll("msgapp", messages)])).toEqual(messages);
  });

  it("starts with a short form at term 0 and index 0 only", () => {
    expect(encodeAll("msgapp", [messageOf({ type: MessageType.App })])[0]).toBe(1);
  });

  it("leaves its sign of life out", () => {
    const { linkHeartbeat } = createStreamEncoder("msgapp", new EntriesEncoder());
    expect(linkHeartbeat.toString("hex")).toBe("00");
    const bytes = encodeAll("msgapp", [first]);
    expect(decodeAll("msgapp", [linkHeartbeat, linkHeartbeat, bytes, linkHeartbeat])).toEqual([
      first,
    ]);
  });

  it("refers to large data, and encodes the same entries once for all followers", () => {
    const encoder = new EntriesEncoder();
    const { entries } = appendOf({ term: 1, index: 1 }, { count: 3, dataBytes: 20_000 });
    const parts = encoder.encode(entries);
    expect(parts.filter((part) => part.buffer === entries[1]!.data.buffer)).toHaveLength(1);
    expect(encoder.encode([...entries])).toBe(parts);
    expect(encoder.encode(entries.slice(1))).not.toBe(parts);
    const whole = Buffer.concat([...new EntriesEncoder().encode(entries)]);
    expect(Buffer.concat([...parts])).toEqual(whole);
  });

  it.each(["03", "ff", "02ffffffffffffffff", "010000000000000001ffffffffffffffff"])(
    "refuses %s",
    (hex) => {
      expect(() => decodeAll("msgapp", [Buffer.from(hex, "hex")])).toThrow();
    },
  );
});

describe("the message stream", () => {
  it("puts the length before each message, and leaves its sign of life out", () => {
    const { linkHeartbeat } = createStreamEncoder("message", new EntriesEncoder());
    expect(linkHeartbeat.toString("hex")).toBe(
      "000000000000001e" + "0808100018002000280030004000" + "4a0a12080a02280010001800" + "50005800",
    );
    const message = messageOf({ type: MessageType.Vote, to: 2n, from: 1n, term: 7 });
    const bytes = encodeAll("message", [message]);
    expect(decodeAll("message", [linkHeartbeat, bytes, linkHeartbeat])).toEqual([message]);
  });

  it("refuses more than 512 MiB before it arrives", () => {
    expect(() => decodeAll("message", [Buffer.from("0000000020000001", "hex")])).toThrow(
      "rafthttp: error limit exceeded",
    );
  });
});

describe.each(["msgapp", "message"] as const)("stream %s", (kind) => {
  it("arrives the same however it is cut", () => {
    const prng = createPrng(takeSeed());
    for (let round = 0; round < 100; round++) {
      const messages = randomMessages(kind, prng);
      const bytes = encodeAll(kind, messages);
      const pieces: Buffer[] = [];
      for (let at = 0; at < bytes.length; ) {
        const length = 1 + prng.below(prng.below(4) === 0 ? 20_000 : 20);
        pieces.push(bytes.subarray(at, at + length));
        at += length;
      }
      const back = decodeAll(kind, pieces);
      expect(back).toHaveLength(messages.length);
      const again = encodeAll(kind, back);
      expect(again.equals(bytes)).toBe(true);
    }
  });
});

function randomMessages(kind: StreamKind, prng: ReturnType<typeof createPrng>): Message[] {
  if (kind === "message") {
    return Array.from({ length: 5 }, () => ({ ...randomMessage(prng), from: 1n }));
  }
  let index = prng.below(100);
  let term = 1;
  return Array.from({ length: 8 }, () => {
    if (prng.below(4) === 0) index += prng.below(5);
    if (prng.below(6) === 0) term++;
    const dataBytes = prng.below(5) === 0 ? 10_000 : prng.below(100);
    const append = appendOf({ to: 2n, from: 1n, term, index }, { count: prng.below(5), dataBytes });
    index += append.entries.length;
    return append;
  });
}
