import { describe, expect, it } from "vitest";
import { BenchError } from "../bench-error.js";
import { parseMembers, settingsOf } from "../compare/settings.js";
import { findWorkloads } from "../workloads/catalogue.js";
import { loadOptions, numbersOf, roundsOf } from "./flag-values.js";
import { parseCommandLine, VERBS } from "./flags.js";
import { helpText } from "./help.js";

function faultOf(what: () => unknown): string {
  try {
    what();
  } catch (error) {
    if (error instanceof BenchError && error.code === "USAGE") return error.message;
    throw error;
  }
  return "no fault";
}

describe("the command line", () => {
  it("compares unless it is told otherwise, and can be typed again", () => {
    expect(parseCommandLine([])).toMatchObject({ verb: "compare", text: "npm run bench --" });
    expect(parseCommandLine(["--guard"]).verb).toBe("guard");
    const line = parseCommandLine(["growth", "--keys", "10,20", "--scratch-dir", "/a b"]);
    expect(line.verb).toBe("growth");
    expect(line.text).toBe('npm run bench -- growth --keys 10,20 --scratch-dir "/a b"');
  });

  it.each([
    [["--nothing"], "Unknown option '--nothing'"],
    [["paint"], "paint is no command; there are: compare, growth,"],
    [["load", "put"], "put: only one command can be given"],
    [["growth", "--rate", "5"], "--rate means nothing to growth, only to compare"],
  ])("refuses %j and says why", (args, fault) => {
    expect(faultOf(() => parseCommandLine(args))).toContain(fault);
    expect(faultOf(() => parseCommandLine(args))).toContain("--help");
  });

  it("reads numbers, lists and rounds, or names the flag that is wrong", () => {
    const { flags } = parseCommandLine(["--keys", "500", "--quick"]);
    expect(loadOptions(flags)).toMatchObject({ keyCount: 500, seconds: 0.7 });
    expect(loadOptions({}, { keyCount: 7 })).toMatchObject({ keyCount: 7, seconds: 3 });
    expect(numbersOf("keys", "10,200", [])).toEqual([10, 200]);
    expect(faultOf(() => numbersOf("keys", "200,10", []))).toContain("--keys 200,10");
    expect(faultOf(() => numbersOf("keys", "1.5", []))).toContain("--keys 1.5");
    expect(faultOf(() => loadOptions({ seconds: "soon" }))).toContain('--seconds "soon"');
    expect(faultOf(() => roundsOf({ rounds: "0" }, 3))).toContain("--rounds 0");
  });

  it.each(VERBS)("has a help of %s within a terminal's width", (verb) => {
    const lines = helpText(verb).split("\n");
    expect(lines[0]).toBe(`Usage: npm run bench -- ${verb} [flags]`);
    expect(lines.filter((line) => line.length > 100)).toEqual([]);
    // Every flag that a help names is a flag of that command.
    const named = helpText(verb).match(/(?<= {2})--[a-z-]+/g) ?? [];
    for (const flag of named) {
      const text = faultOf(() => parseCommandLine([verb, `${flag}=1`]));
      expect(text).not.toMatch(/Unknown option|means nothing/);
    }
  });
});

describe("the rows of a comparison", () => {
  const workloads = findWorkloads(["put", "range", "restart"]);

  it("are the workloads of one process, with the filling that they need", () => {
    const [setting] = settingsOf([1], workloads);
    expect(setting!.rows.map(({ name }) => name)).toEqual(["fill", "put", "range", "restart"]);
    const [unfilled] = settingsOf([1], findWorkloads(["put"]));
    expect(unfilled!.rows.map(({ name }) => name)).toEqual(["put"]);
  });

  it("are of three members those at the leader and at a follower", () => {
    const [one, three] = settingsOf(parseMembers("1,3"), workloads);
    expect(one!.members).toBe(1);
    expect(three!.rows.map(({ name, side }) => [name, side])).toEqual([
      ["fill@3-leader", "leader"],
      ["put@3-leader", "leader"],
      ["range@3-leader", "leader"],
      ["put@3-follower", "follower"],
      ["range@3-follower", "follower"],
    ]);
  });

  it("know one and three members", () => {
    for (const text of ["2", "", "1,1", "3,x"]) {
      expect(faultOf(() => parseMembers(text))).toContain(`--members ${text}:`);
    }
  });
});
