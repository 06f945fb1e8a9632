import { raftpb, WireError, WireReader } from "@kvorum/api";
import { createPrng, type Prng } from "@kvorum/base";
import { entryBytes, type Message, MessageType } from "@kvorum/raft";
import { describe, expect, it } from "vitest";
import { decodeEntry } from "../consensus/decode-entry.js";
import { decodeMessage, encodeEntry, messageToBytes } from "./message-codec.js";
import { messageOf, randomEntry, randomMessage, takeSeed } from "./testing/messages.js";

const MESSAGES = 500;

function generated(message: Message): raftpb.Message {
  // Both have the same shape, but for the fields that stay within a process.
  return raftpb.Message.fromPartial(message as unknown as raftpb.Message);
}

function plain(message: object): unknown {
  return JSON.parse(
    JSON.stringify(message, (_, value) =>
      typeof value === "bigint"
        ? `${value}`
        : value?.type === "Buffer"
          ? Buffer.from(value.data).toString("hex")
          : value instanceof Uint8Array
            ? Buffer.from(value).toString("hex")
            : value,
    ),
  );
}

describe("a message", () => {
  it("is read alike by the generated decoder, and read alike from its encoder", () => {
    const prng = createPrng(takeSeed());
    for (let i = 0; i < MESSAGES; i++) {
      const message = randomMessage(prng);
      const bytes = messageToBytes(message);
      const back = decodeMessage(bytes);
      expect(plain(back)).toEqual(plain(message));
      const theirs = raftpb.Message.decode(bytes);
      // An empty snapshot is no snapshot.
      if (message.snapshot === undefined) theirs.snapshot = undefined;
      expect(plain(theirs)).toEqual(plain(generated(message)));
      const sparse = raftpb.Message.encode(generated(message)).finish();
      expect(plain(decodeMessage(sparse))).toEqual(plain(message));
    }
  });

  it("has the bytes of etcd up to 3.6", () => {
    const vote = messageOf({
      type: MessageType.VoteResp,
      to: 0x4f9d793242f37f64n,
      from: 0xf42ab8689210ccf5n,
      term: 2,
    });
    const ids = "10e4fecd97a4a6dece4f18f599c390898dae95f401";
    const rest = "2002280030004000" + "4a0a12080a02280010001800" + "50005800";
    expect(messageToBytes(vote).toString("hex")).toBe(`0806${ids}${rest}`);
  });

  it("keeps what it has and skips what it doesn't know", () => {
    const bytes = messageToBytes(messageOf({ to: 1n, from: 2n, index: 300 }));
    const later = Buffer.from("6801" + "720a08011001180128013000" + "8a0103616263", "hex");
    expect(decodeMessage(Buffer.concat([bytes, later]))).toEqual(decodeMessage(bytes));
    expect(decodeMessage(Buffer.alloc(0))).toEqual(messageOf({ type: MessageType.Hup }));
    expect(decodeMessage(Buffer.from("0863", "hex")).type).toBe(MessageType.Hup);
  });

  it("refers to the memory it came from", () => {
    const bytes = messageToBytes(
      messageOf({ entries: [{ type: 0, term: 1, index: 1, data: Buffer.from("value") }] }),
    );
    const { data } = decodeMessage(bytes).entries[0]!;
    bytes.fill(0x61);
    expect(Buffer.from(data).toString()).toBe("aaaaa");
  });

  it.each([
    ["a term above 2^53", "20ffffffffffffffff7f"],
    ["an id of 11 bytes", "10ffffffffffffffffffff01"],
    ["a cut number", "2080"],
    ["a cut id", "1080"],
    ["a cut entry", "3a05"],
    ["an entry of an unknown type", "3a020803"],
    ["a group", "0b"],
  ])("is refused with %s", (_, hex) => {
    expect(() => decodeMessage(Buffer.from(hex, "hex"))).toThrow();
  });

  it("damaged anywhere is read or refused, and nothing else", () => {
    const prng = createPrng(takeSeed());
    for (let i = 0; i < MESSAGES; i++) {
      const bytes = damage(messageToBytes(randomMessage(prng)), prng);
      try {
        decodeMessage(bytes);
      } catch (error) {
        const names = ["PeerError", "WireError", "RangeError", "Error"];
        expect(names).toContain((error as Error).name);
      }
    }
  });
});

describe("an entry", () => {
  it("is read alike by the generated decoder", () => {
    const prng = createPrng(takeSeed());
    for (let i = 0; i < MESSAGES; i++) {
      const entry = randomEntry(prng);
      const bytes = Buffer.alloc(entryBytes(entry));
      expect(encodeEntry(entry, bytes, 0)).toBe(bytes.length);
      expect(plain(decodeEntry(new WireReader(bytes)))).toEqual(plain(entry));
      expect(plain(raftpb.Entry.decode(bytes))).toEqual(plain(entry));
    }
  });

  it("of a new leader has no data", () => {
    const entry = { type: 0, term: 1, index: 2, data: Buffer.alloc(0) } as const;
    const bytes = Buffer.alloc(entryBytes(entry));
    encodeEntry(entry, bytes, 0);
    expect(bytes.toString("hex")).toBe("080010011802");
    const reader = new WireReader(Buffer.from("0803", "hex"));
    expect(() => decodeEntry(reader)).toThrow(WireError);
  });
});

function damage(bytes: Buffer, prng: Prng): Buffer {
  if (prng.below(2) === 0) return bytes.subarray(0, prng.below(bytes.length));
  bytes[prng.below(bytes.length)] = prng.below(256);
  return bytes;
}
