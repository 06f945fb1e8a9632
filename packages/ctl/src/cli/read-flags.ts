import { CtlError } from "./ctl-error.js";
import { type Flags, type FlagValue, type FlagValues, parseFlag } from "./flags.js";

/** The values that scanned `--name=value` words give to `flags`. @throws CtlError "error" */
export function readFlags<F extends Flags>(flags: F, words: readonly string[]): FlagValues<F> {
  const values: Record<string, FlagValue> = {};
  for (const [name, flag] of Object.entries(flags)) values[name] = flag.initial;
  for (const word of words) {
    const equals = word.indexOf("=");
    const name = word.slice(2, equals < 0 ? undefined : equals);
    const flag = flags[name];
    if (flag === undefined || equals < 0) throw new CtlError("error", `unknown flag: --${name}`);
    values[name] = parseFlag(name, flag, word.slice(equals + 1));
  }
  // Each flag's reader gives a value of the flag's type.
  return values as FlagValues<F>;
}
