import { test } from "vitest";

/** A test that runs when `reason` is undefined; otherwise it is left out and the reason printed. */
export function testUnless(reason: string | undefined): ReturnType<typeof test.skipIf> {
  if (reason !== undefined) console.log(`skipped: ${reason}`);
  return test.skipIf(reason !== undefined);
}
