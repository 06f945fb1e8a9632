import { goQuote } from "@kvorum/base";
import { FlagValues, parseFlagValue } from "./flag-value.js";
import { type Flag, type FlagName, findFlag } from "./flags.js";

export type ScanResult =
  | {
      readonly kind: "values";
      readonly values: FlagValues;
      /** Arguments after the last flag. */
      readonly rest: readonly string[];
    }
  | { readonly kind: "help" }
  | { readonly kind: "usage-error"; readonly message: string };

const usageError = (message: string) => ({ kind: "usage-error", message }) as const;

/**
 * Reads a command line as Go's flag package does: one or two dashes, "-f v", "-f=v", booleans
 * without a value or with "=". The first other argument or "--" ends the flags, the first error
 * ends all.
 */
export function scanArguments(argv: readonly string[]): ScanResult {
  const values = new FlagValues();
  let at = 0;
  while (at < argv.length) {
    const argument = argv[at]!;
    if (argument.length < 2 || !argument.startsWith("-")) break;
    at++;
    if (argument === "--") break;
    const body = argument.slice(argument.startsWith("--") ? 2 : 1);
    if (body === "" || body.startsWith("-") || body.startsWith("=")) {
      return usageError(`bad flag syntax: ${argument}`);
    }
    const equals = body.indexOf("=");
    const name = equals < 0 ? body : body.slice(0, equals);
    const flag = findFlag(name);
    if (!flag) {
      if (name === "help" || name === "h") return { kind: "help" };
      return usageError(`flag provided but not defined: -${name}`);
    }
    let text = equals < 0 ? undefined : body.slice(equals + 1);
    if (text === undefined && flag.type === "bool") text = "true";
    text ??= argv[at++];
    if (text === undefined) return usageError(`flag needs an argument: -${name}`);
    const problem = setFromArgument(values, flag, text);
    if (problem !== undefined) return usageError(problem);
  }
  return { kind: "values", values, rest: argv.slice(at) };
}

function setFromArgument(
  values: FlagValues,
  flag: Flag<FlagName>,
  text: string,
): string | undefined {
  const parsed = parseFlagValue(flag, text);
  if (parsed.kind === "ok") {
    values.set(flag.name, parsed.value);
    return undefined;
  }
  const shown = flag.secret ? "(hidden)" : goQuote(text);
  return flag.type === "bool"
    ? `invalid boolean value ${shown} for -${flag.name}: ${parsed.message}`
    : `invalid value ${shown} for flag -${flag.name}: ${parsed.message}`;
}
