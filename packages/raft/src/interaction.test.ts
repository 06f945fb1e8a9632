import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { runScript } from "./testing/script.js";

const folder = fileURLToPath(new URL("../testdata/", import.meta.url));
const scripts = readdirSync(folder).filter((name) => name.endsWith(".txt"));

/** KVORUM_REWRITE=1 writes the transcripts anew; read the difference before committing it. */
describe("interaction scripts", () => {
  it.each(scripts)("%s", (name) => {
    const before = readFileSync(folder + name, "utf8");
    const after = runScript(before);
    if (process.env.KVORUM_REWRITE === "1") writeFileSync(folder + name, after);
    else expect(after).toBe(before);
  });

  it("finds its scripts", () => {
    expect(scripts.length).toBeGreaterThanOrEqual(20);
  });
});
