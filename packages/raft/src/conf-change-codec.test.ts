import { createPrng } from "@kvorum/base";
import { describe, expect, it } from "vitest";
import { decodeConfChange, encodeConfChange } from "./conf-change-codec.js";
import { ConfChangeTransition, ConfChangeType, EntryType } from "./types.js";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const context = Uint8Array.of(0x7b, 0x7d);
const none = new Uint8Array(0);

describe("ConfChange", () => {
  const change = { id: 0n, type: ConfChangeType.AddNode, nodeId: 0x9e737febb6b99eeen, context };

  it("has the bytes that etcd writes at bootstrap", () => {
    const { type, data } = encodeConfChange(change);
    expect(type).toBe(EntryType.ConfChange);
    expect(hex(data)).toBe("0800100018eebde6b5bbfddfb99e0122027b7d");
  });

  it("comes back as it was", () => {
    const last = { id: 2n ** 64n - 1n, type: ConfChangeType.RemoveNode, nodeId: 1n, context: none };
    for (const each of [change, last]) {
      expect(decodeConfChange(EntryType.ConfChange, encodeConfChange(each).data)).toEqual(each);
    }
  });
});

describe("ConfChangeV2", () => {
  const changes = [
    { type: ConfChangeType.AddLearnerNode, nodeId: 300n },
    { type: ConfChangeType.RemoveNode, nodeId: 2n },
  ];

  it("comes back as it was", () => {
    const change = { transition: ConfChangeTransition.JointExplicit, changes, context };
    const { type, data } = encodeConfChange(change);
    expect(type).toBe(EntryType.ConfChangeV2);
    expect(hex(data)).toBe("0802" + "1205080310ac02" + "120408011002" + "1a027b7d");
    expect(decodeConfChange(type, data)).toEqual(change);
  });

  it("is no bytes at all when it only leaves a joint configuration", () => {
    const leave = { transition: ConfChangeTransition.Auto, changes: [], context: none };
    const { type, data } = encodeConfChange(leave);
    expect(data.length).toBe(0);
    expect(decodeConfChange(type, data)).toEqual(leave);
  });
});

it("reads a message of a newer proto3 writer, which leaves zeros out", () => {
  const data = Buffer.from("1805", "hex");
  expect(decodeConfChange(EntryType.ConfChange, data)).toEqual({
    id: 0n,
    type: ConfChangeType.AddNode,
    nodeId: 5n,
    context: none,
  });
});

it("refuses bytes that are no such message, and never throws", () => {
  for (const text of ["08", "2205ff", "0d00000000", "1009", "00", "ffffffffffffffffffffff"]) {
    expect(decodeConfChange(EntryType.ConfChange, Buffer.from(text, "hex")), text).toBeUndefined();
  }
  for (const text of ["0807", "1202080a", "120208"]) {
    const data = Buffer.from(text, "hex");
    expect(decodeConfChange(EntryType.ConfChangeV2, data), text).toBeUndefined();
  }
  const prng = createPrng(3);
  for (let round = 0; round < 2_000; round++) {
    const data = Uint8Array.from({ length: prng.below(20) }, () => prng.below(256));
    expect(() => decodeConfChange(round % 2 === 0 ? 1 : 2, data)).not.toThrow();
  }
});
