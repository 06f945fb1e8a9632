import { expect, test } from "vitest";
import { globals } from "../ctl/globals.js";
import { kvorumctl } from "../ctl/kvorumctl-tool.js";
import { scanArguments } from "./scan-arguments.js";

function scan(line: string) {
  const { path, flags, args, separator } = scanArguments(kvorumctl, line.split(" "));
  return { path: path.slice(1).join(" "), flags, args, separator };
}

test("flags may stand anywhere, in any of Go's spellings", () => {
  const flags = ["--write-out=json", "--prefix=true", "--limit=3", "--hex=false"];
  const expected = { path: "get", flags, args: ["a", "b"], separator: undefined };
  expect(scan("-w json get --prefix a --limit 3 b --hex=false")).toEqual(expected);
  expect(scan("-wjson get -prefix a -limit=3 b -hex=false")).toEqual(expected);
  expect(scan("--write-out=json get a --prefix=true b --limit 3 --hex=false").flags).toEqual(flags);
});

test("what stands behind -- is an argument", () => {
  expect(scan("put k -- -v")).toMatchObject({ args: ["k", "-v"], separator: 1, flags: [] });
  expect(scan("put -- --k v")).toMatchObject({ args: ["--k", "v"], separator: 0 });
  expect(scan("watch k -- sh -c --")).toMatchObject({ args: ["k", "sh", "-c", "--"] });
});

test("commands may be cut short, and know their aliases", () => {
  expect(scan("snap sa x").path).toBe("snapshot save");
  expect(scan("compact 3").path).toBe("compaction");
  expect(scan("lease time 1").path).toBe("lease timetolive");
});

test.each([
  ["nope", 'unknown command "nope" for "kvorumctl"'],
  ["m x", 'unknown command "m" for "kvorumctl"'],
  ["get -x", "unknown shorthand flag: 'x' in -x"],
  ["get a -w", "flag needs an argument: 'w' in -w"],
  ["get a --limit", "flag needs an argument: --limit"],
])("%s is refused as cobra does", (line, message) => {
  expect(() => scan(line)).toThrow(message);
});

test("every global flag is known before and behind the command", () => {
  for (const name of Object.keys(globals)) {
    expect(scan(`--${name}=true get a`).flags).toEqual([`--${name}=true`]);
    expect(scan(`get a --${name}=true`).flags).toEqual([`--${name}=true`]);
  }
});
