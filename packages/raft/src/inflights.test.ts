import { createPrng } from "@kvorum/base";
import { expect, it } from "vitest";
import { Inflights } from "./inflights.js";

it("behaves as a plain list does, through growth and wrapping", () => {
  const prng = createPrng(11);
  for (let run = 0; run < 20; run++) {
    const messagesMax = 1 + prng.below(40);
    const bytesMax = prng.below(2) * 200;
    const inflights = new Inflights({ messagesMax, bytesMax });
    let list: { index: number; bytes: number }[] = [];
    let index = 0;
    for (let step = 0; step < 300; step++) {
      const bytes = list.reduce((sum, message) => sum + message.bytes, 0);
      expect(inflights.count).toBe(list.length);
      expect(inflights.full).toBe(
        list.length === messagesMax || (bytesMax > 0 && bytes >= bytesMax),
      );
      if (prng.below(3) > 0 && !inflights.full) {
        index += 1 + prng.below(3);
        const message = { index, bytes: prng.below(50) };
        inflights.add(message.index, message.bytes);
        list.push(message);
      } else if (prng.below(20) === 0) {
        inflights.clear();
        list = [];
      } else {
        const upTo = index - prng.below(12);
        inflights.freeUpTo(upTo);
        list = list.filter((message) => message.index > upTo);
      }
    }
  }
});

it("takes no message above its bound", () => {
  const inflights = new Inflights({ messagesMax: 1, bytesMax: 0 });
  inflights.add(1, 1);
  expect(() => inflights.add(2, 1)).toThrow("no room");
});
