import { goQuote, messageOf } from "@kvorum/base";
import { CtlError } from "./ctl-error.js";
import { type Flags, type FlagValue, parseFlag } from "./flags.js";

interface Names {
  /** In order of precedence, such as "ETCDCTL" before "KVORUMCTL". */
  readonly prefixes: readonly string[];
  readonly flags: Flags;
  /** Names of the flags that stand on the command line. */
  readonly given: ReadonlySet<string>;
}

/** ETCDCTL_SOME_FLAG for some-flag. */
function environmentName(prefix: string, flag: string): string {
  return `${prefix}_${flag.toUpperCase().replaceAll("-", "_")}`;
}

/**
 * Values for flags that stand in the environment and not on the command line; an empty one counts
 * as absent.
 * @throws CtlError when a flag stands in both, even empty, as etcd's tools refuse it
 */
export function readEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  { prefixes, flags, given }: Names,
): Map<string, FlagValue> {
  const values = new Map<string, FlagValue>();
  for (const [name, flag] of Object.entries(flags)) {
    for (const prefix of prefixes) {
      const variable = environmentName(prefix, name);
      const text = env[variable];
      if (text === undefined) continue;
      if (given.has(name)) throw conflict(variable);
      if (text === "" || values.has(name)) continue;
      try {
        values.set(name, parseFlag(name, flag, text));
      } catch (cause) {
        const reason = messageOf(cause);
        throw new CtlError("error", `invalid value ${goQuote(text)} for ${variable}: ${reason}`);
      }
    }
  }
  return values;
}

function conflict(variable: string): CtlError {
  return new CtlError(
    "error",
    "conflicting environment variable is shadowed by corresponding command-line flag (either " +
      `unset environment variable or disable flag)): ${variable}`,
  );
}
