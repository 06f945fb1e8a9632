import { expect, test } from "vitest";
import {
  readPosition,
  readStorageVersion,
  writeConfState,
  writePosition,
  writeStorageVersion,
} from "./position.js";

function records() {
  const map = new Map<string, Buffer>();
  return {
    map,
    get: (_bucket: "meta", key: Uint8Array) => map.get(Buffer.from(key).toString()),
    put: (_bucket: "meta", key: Uint8Array, value: Uint8Array) =>
      void map.set(Buffer.from(key).toString(), Buffer.from(value)),
  };
}

test("a position is two big-endian numbers of 64 bits; none is 0", () => {
  const { map, get, put } = records();
  expect(readPosition(get)).toEqual({ index: 0, term: 0 });
  writePosition(put, { index: 2 ** 40 + 3, term: 258 });
  expect(map.get("consistent_index")?.toString("hex")).toBe("0000010000000003");
  expect(map.get("term")?.toString("hex")).toBe("0000000000000102");
  expect(readPosition(get)).toEqual({ index: 2 ** 40 + 3, term: 258 });
});

test("a position beyond the safe integers is refused", () => {
  const { map, get } = records();
  map.set("consistent_index", Buffer.alloc(8, 0xff));
  expect(() => readPosition(get)).toThrow("safe integer");
});

test("the configuration is etcd's JSON, with whole ids and empty fields left out", () => {
  const { map, put } = records();
  const empty = {
    voters: [],
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
  writeConfState(put, { ...empty, voters: [2n ** 64n - 1n] });
  expect(map.get("confState")?.toString()).toBe('{"voters":[18446744073709551615]}');
  writeConfState(put, {
    ...{ voters: [1n, 2n], learners: [3n], votersOutgoing: [4n], learnersNext: [5n] },
    autoLeave: true,
  });
  expect(JSON.parse(String(map.get("confState")))).toEqual({
    ...{ voters: [1, 2], learners: [3], voters_outgoing: [4], learners_next: [5] },
    auto_leave: true,
  });
});

test("the storage version is as stored, that of 3.5 for its content, empty when unknown", () => {
  const { get, put } = records();
  expect(readStorageVersion(get)).toBe("");
  writePosition(put, { index: 1, term: 1 });
  expect(readStorageVersion(get)).toBe("3.5.0");
  writeStorageVersion(put, "3.7.0");
  expect(readStorageVersion(get)).toBe("3.7.0");
});
