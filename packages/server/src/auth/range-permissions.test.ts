import { authpb } from "@kvorum/api";
import { createPrng } from "@kvorum/base";
import { describe, expect, test } from "vitest";
import { isValidPermission, RangePermissions } from "./range-permissions.js";

const { READ, WRITE, READWRITE } = authpb.Permission_Type;
const seed = Number(process.env.KVORUM_SEED ?? Date.now() % 1_000_000);
console.log(`range permissions: KVORUM_SEED=${seed}`);

function permission(
  key: string,
  rangeEnd = "",
  permType: authpb.Permission_Type = READ,
): authpb.Permission {
  return { permType, key: Buffer.from(key), rangeEnd: Buffer.from(rangeEnd) };
}

function mayRead(permissions: readonly authpb.Permission[], key: string, end = ""): boolean {
  return new RangePermissions(permissions).allows("read", Buffer.from(key), Buffer.from(end));
}

test("a single key is allowed alone", () => {
  const held = [permission("b")];
  expect(mayRead(held, "b")).toBe(true);
  expect(["a", "ba", "b\0", "c"].map((key) => mayRead(held, key))).not.toContain(true);
  expect(mayRead(held, "b", "b\0")).toBe(true);
  expect(mayRead(held, "b", "c")).toBe(false);
});

test("a range must be covered whole, by one permission or by several that touch", () => {
  const held = [permission("d", "f"), permission("a", "c"), permission("c", "d")];
  expect(mayRead(held, "a", "f")).toBe(true);
  expect(mayRead(held, "b", "e")).toBe(true);
  expect(mayRead(held, "a", "f\0")).toBe(false);
  expect(mayRead([permission("a", "c"), permission("d", "f")], "a", "f")).toBe(false);
  expect(mayRead(held, "a", "\0")).toBe(false);
});

test("a permission without an end goes on for ever", () => {
  const held = [permission("m", "\0"), permission("x", "z")];
  expect(mayRead(held, "m", "\0")).toBe(true);
  expect(mayRead(held, "\xff\xff", "\0")).toBe(true);
  expect(mayRead(held, "x", "zz")).toBe(true);
  expect(mayRead(held, "l", "\0")).toBe(false);
});

test("reading and writing are granted apart, or together", () => {
  const held = new RangePermissions([
    permission("r", "", READ),
    permission("w", "", WRITE),
    permission("b", "", READWRITE),
  ]);
  const none = Buffer.alloc(0);
  const allowed = (access: "read" | "write") =>
    ["r", "w", "b"].filter((key) => held.allows(access, Buffer.from(key), none));
  expect(allowed("read")).toEqual(["r", "b"]);
  expect(allowed("write")).toEqual(["w", "b"]);
});

describe("a range that ends before it begins", () => {
  test("is allowed where its key is found", () => {
    expect(mayRead([permission("a", "e")], "d", "b")).toBe(true);
    expect(mayRead([permission("a", "c")], "d", "b")).toBe(false);
  });

  test("is not found behind an interval that stands between its end and its key", () => {
    // The root [b, c) lies left of the key "d", and begins behind the range's end "a".
    const held = [permission("b", "c"), permission("d", "e")];
    expect(mayRead(held, "d")).toBe(true);
    expect(mayRead(held, "d", "a")).toBe(false);
  });
});

test("permissions need a key and an end behind it", () => {
  expect(isValidPermission(permission("a"))).toBe(true);
  expect(isValidPermission(permission("a", "b"))).toBe(true);
  expect(isValidPermission(permission("a", "\0"))).toBe(true);
  expect(isValidPermission(permission("", "b"))).toBe(false);
  expect(isValidPermission(permission("b", "a"))).toBe(false);
  expect(isValidPermission(permission("b", "b"))).toBe(false);
});

test("random ranges are allowed as key by key", () => {
  const prng = createPrng(seed);
  const keys = [..."abcdefghij"];
  const below = (end: string) => keys.filter((key) => key < end);
  for (let round = 0; round < 2_000; round++) {
    const held = Array.from({ length: prng.below(5) }, () => {
      const [start, end] = [keys[prng.below(9)]!, keys[1 + prng.below(9)]!].sort();
      return permission(start!, start === end ? "\0" : end);
    });
    const [start, end] = [keys[prng.below(9)]!, keys[1 + prng.below(9)]!].sort();
    if (start === end) continue;
    // Every character between two bounds stands for all keys up to the next.
    const wanted = below(end!).filter((key) => key >= start!);
    const covered = wanted.every((key) => mayRead(held, key));
    expect(mayRead(held, start!, end)).toBe(covered);
  }
});
