import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

test("the page on engines shows the example as it is tested", () => {
  const page = readFileSync(new URL("../../../docs/engines.md", import.meta.url), "utf8");
  const example = readFileSync(new URL("../testdata/log-engine.mjs", import.meta.url), "utf8");
  expect(page).toContain(example);
});
