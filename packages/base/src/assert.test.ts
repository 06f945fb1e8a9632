import { expect, test } from "vitest";
import { assert, InvariantError, rethrowInvariant, unreachable, violated } from "./assert.js";

test("a broken invariant is thrown on by whoever catches all that may go wrong", () => {
  const broken = [
    () => assert(false, "1 is not 2"),
    () => violated("1 is not 2"),
    () => unreachable("1" as never),
  ];
  for (const work of broken) {
    const handled = () => {
      try {
        work();
      } catch (error) {
        rethrowInvariant(error);
      }
    };
    expect(handled).toThrow(InvariantError);
  }
  expect(() => rethrowInvariant(new Error("no answer"))).not.toThrow();
  expect(() => assert(true, "never")).not.toThrow();
});
