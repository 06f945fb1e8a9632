import { CtlError } from "./ctl-error.js";
import type { Flag, Flags, FlagValue } from "./flags.js";
import { type Entry, isGroup, type Verb } from "./verb.js";

/** A command line taken apart. */
export interface Scanned<Context> {
  /** Names from the tool's own down to the verb's, in full. */
  readonly path: readonly string[];
  /** Undefined when only a group, or nothing, was named. */
  readonly verb: Verb<Context> | undefined;
  /** Every flag as `--name=value`; one that is not known as it stands. */
  readonly flags: readonly string[];
  readonly args: readonly string[];
  /** How many of `args` stand before a "--". */
  readonly separator: number | undefined;
}

interface Tool<Context> {
  readonly name: string;
  /** Without any, every word is an argument. */
  readonly entries?: readonly Entry<Context>[];
  readonly globals: Flags;
}

const HELP: Flag<boolean> = { type: "bool", initial: false, usage: "", shorthand: "h" };

/**
 * Puts a Go-style command line into the one form that the parser behind takes: `-flag`, `--flag v`
 * and `-wjson` become `--flag=v`, flags stand before arguments, and command names may be cut short
 * as long as they are unique, as cobra allows.
 * @throws CtlError with cobra's texts
 */
export function scanArguments<Context>(
  tool: Tool<Context>,
  words: readonly string[],
): Scanned<Context> {
  const path = [tool.name];
  const flags: string[] = [];
  const args: string[] = [];
  let entries: readonly Entry<Context>[] | undefined = tool.entries;
  let verb: Verb<Context> | undefined;
  let separator: number | undefined;
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === "--" && separator === undefined) {
      separator = args.length;
    } else if (separator === undefined && word.startsWith("-") && word !== "-") {
      const known = { ...tool.globals, ...verb?.flags, help: HELP };
      const taken = takeFlag(known, word, words[i + 1]);
      flags.push(...taken.flags);
      if (taken.usesNext) i++;
    } else if (entries !== undefined && separator === undefined) {
      const entry: Entry<Context> = findEntry(entries, word, path);
      path.push(entry.name);
      entries = isGroup(entry) ? entry.verbs : undefined;
      if (!isGroup(entry)) verb = entry;
    } else {
      args.push(word);
    }
  }
  return { path, verb, flags, args, separator };
}

function findEntry<Context>(
  entries: readonly Entry<Context>[],
  word: string,
  path: readonly string[],
): Entry<Context> {
  const names = (entry: Entry<Context>) => [
    entry.name,
    ...(isGroup(entry) ? [] : (entry.aliases ?? [])),
  ];
  const exact = entries.find((entry) => names(entry).includes(word));
  if (exact !== undefined) return exact;
  const begun = entries.filter((entry) => names(entry).some((name) => name.startsWith(word)));
  if (begun.length === 1) return begun[0]!;
  const help = `Run '${path.join(" ")} --help' for usage.\n`;
  const where = path.join(" ");
  throw new CtlError("error", `unknown command "${word}" for "${where}"`, { help });
}

interface Taken {
  readonly flags: readonly string[];
  readonly usesNext: boolean;
}

function takeFlag(known: Flags, word: string, next: string | undefined): Taken {
  const match = /^--?([^=]+)(?:=(.*))?$/s.exec(word);
  const name = match?.[1] ?? "";
  const flag = known[name];
  if (flag !== undefined && (word.startsWith("--") || name.length > 1)) {
    return withValue(name, flag, { spelled: `--${name}`, inline: match?.[2], next });
  }
  return word.startsWith("--") ? { flags: [word], usesNext: false } : takeShort(known, word, next);
}

/** `-i`, `-wjson`, `-w=json`, `-w json`, `-ih`. */
function takeShort(known: Flags, word: string, next: string | undefined): Taken {
  const flags: string[] = [];
  for (let at = 1; at < word.length; at++) {
    const letter = word[at]!;
    const found = Object.entries(known).find(([, flag]) => flag.shorthand === letter);
    if (found === undefined) {
      throw new CtlError("error", `unknown shorthand flag: '${letter}' in ${word}`);
    }
    const [name, flag] = found;
    const rest = word.slice(at + 1);
    const isEnd = rest === "" || rest.startsWith("=") || flag.type !== "bool";
    if (isEnd) {
      const inline = rest === "" ? undefined : rest.replace(/^=/, "");
      const taken = withValue(name, flag, { spelled: `'${letter}' in ${word}`, inline, next });
      return { flags: [...flags, ...taken.flags], usesNext: taken.usesNext };
    }
    flags.push(`--${name}=true`);
  }
  return { flags, usesNext: false };
}

function withValue(
  name: string,
  flag: Flag<FlagValue>,
  text: {
    readonly spelled: string;
    readonly inline: string | undefined;
    readonly next?: string | undefined;
  },
): Taken {
  if (text.inline !== undefined) return { flags: [`--${name}=${text.inline}`], usesNext: false };
  if (flag.type === "bool") return { flags: [`--${name}=true`], usesNext: false };
  if (text.next !== undefined) return { flags: [`--${name}=${text.next}`], usesNext: true };
  throw new CtlError("error", `flag needs an argument: ${text.spelled}`);
}
