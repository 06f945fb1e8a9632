import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { testEngine } from "./conformance/index.js";
import { ENGINE_NAMES, loadEngine } from "./load-engine.js";
import { BackendError } from "./port.js";

const directory = mkdtempSync(join(tmpdir(), "kvorum-load-"));
const example = fileURLToPath(new URL("../testdata/log-engine.mjs", import.meta.url));
const build = new URL("../dist/index.js", import.meta.url).href;

afterAll(() => rmSync(directory, { recursive: true }));

describe("the engine of a third party, given by its path", () => {
  testEngine({ engine: example, test });
});

test.each(ENGINE_NAMES)("%s is found by its name", async (name) => {
  expect((await loadEngine(name)).name).toBe(name);
});

test("a path is seen from the working directory, a module from its node_modules", () => {
  const fake =
    "const capabilities = { persistent: false, onlineDefragment: false, " +
    "compression: false, zeroCopyReads: false };";
  writeFileSync(
    join(directory, "mine.mjs"),
    `${fake} export default { name: "mine", capabilities, open() {} };`,
  );
  const module = join(directory, "node_modules", "their-engine");
  mkdirSync(module, { recursive: true });
  writeFileSync(join(module, "package.json"), '{ "name": "their-engine", "main": "main.cjs" }');
  writeFileSync(
    join(module, "main.cjs"),
    `${fake} exports.engine = { name: "theirs", capabilities, open() {} };`,
  );
  for (const [value, name] of [
    ["./mine.mjs", "mine"],
    ["mine.mjs", "mine"],
    [join(directory, "mine.mjs"), "mine"],
    ["their-engine", "theirs"],
  ]) {
    const script = `import { loadEngine } from ${JSON.stringify(build)};
      console.log((await loadEngine(${JSON.stringify(value)})).name);`;
    const output = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
      cwd: directory,
      encoding: "utf8",
    });
    expect(output.trim()).toBe(name);
  }
});

test("the package itself loads no engine and no native code", () => {
  const script = `import ${JSON.stringify(build)};
    const { sharedObjects } = process.report.getReport();
    const native = sharedObjects.filter((path) => path.endsWith(".node"));
    console.log(JSON.stringify(native.filter((path) => !path.includes("crc32"))));`;
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
  });
  expect(JSON.parse(output)).toEqual([]);
});

test.each([
  ["rocksdb", /can't be loaded/],
  ["./no-such-file.js", /can't be loaded/],
])('"%s" is refused, with the known engines', async (value, reason) => {
  const error = await failureOf(value);
  expect(error.code).toBe("ENGINE");
  expect(error.message).toMatch(reason);
  expect(error.message).toContain(JSON.stringify(value));
  expect(error.message).not.toContain("\n");
  for (const name of ENGINE_NAMES) expect(error.message).toContain(name);
});

test.each([
  ["export const other = 1;", /neither "engine" nor a default/],
  ["export const engine = { open() {} };", /"name"/],
  ['export const engine = { name: "x", capabilities: {} };', /"open"/],
  [
    'export const engine = { name: "x", open() {}, capabilities: {} };',
    /"capabilities.persistent"/,
  ],
  ["throw new Error('out of order');", /out of order/],
])("a module that is none is refused: %s", async (text, reason) => {
  const path = join(directory, `none-${reason.source.replaceAll(/\W/g, "")}.mjs`);
  writeFileSync(path, text);
  const error = await failureOf(path);
  expect(error.code).toBe("ENGINE");
  expect(error.message).toMatch(reason);
});

async function failureOf(value: string): Promise<BackendError> {
  const error = await loadEngine(value).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(BackendError);
  return error as BackendError;
}
