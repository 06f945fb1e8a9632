import { createPrng } from "@kvorum/base";
import { expect, test } from "vitest";
import { orderOfTexts } from "./key-order.js";

function sorted(texts: readonly string[]): string[] {
  return Array.from(orderOfTexts(texts), (i) => texts[i]!);
}

test("sorts short, long, equal and zero-filled texts as bytes do", () => {
  const texts = ["b", "", "a\0", "a", "a\0\0", "\xff", "a", "abcd", "abcd\0", "abcde", "abc"];
  const many = Array.from({ length: 20 }, () => texts).flat();
  expect(sorted(many)).toEqual(many.toSorted((l, r) => (l < r ? -1 : l > r ? 1 : 0)));
});

test("keeps equal texts in their order", () => {
  const texts = Array.from({ length: 100 }, (_, i) => (i % 3 === 0 ? "same" : "other"));
  const order = Array.from(orderOfTexts(texts));
  for (const text of ["same", "other"]) {
    const places = order.filter((i) => texts[i] === text);
    expect(places).toEqual(places.toSorted((left, right) => left - right));
  }
});

test("sorts random texts with long common prefixes", () => {
  const seed = Number(process.env.KVORUM_SEED ?? Date.now() % 1_000_000);
  console.log(`KVORUM_SEED=${seed}`);
  const prng = createPrng(seed);
  const texts = Array.from({ length: 20_000 }, () => {
    let text = "/registry/";
    if (prng.below(2) === 0) text += "pods/namespace/";
    const length = prng.below(10);
    for (let i = 0; i < length; i++) text += String.fromCharCode(prng.below(3) * 127);
    return text;
  });
  const expected = texts.toSorted((left, right) => (left < right ? -1 : left > right ? 1 : 0));
  expect(sorted(texts)).toEqual(expected);
});
