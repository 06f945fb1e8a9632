import { CtlError } from "../cli/ctl-error.js";
import { type Flags, type FlagValues, flag } from "../cli/flags.js";
import type { Io } from "../cli/io.js";
import { type Verb, type VerbSpec, verb } from "../cli/verb.js";

/** The flags that every verb of kvorumutl takes. */
export const globals = {
  timeout: flag.duration("time to wait to obtain a file lock on db file (0: for ever)", 10_000),
  "write-out": flag.string(
    "set the output format (fields, json, protobuf, simple, table)",
    "simple",
    { shorthand: "w" },
  ),
} as const;

export interface UtlContext {
  readonly io: Io;
  readonly flags: FlagValues<typeof globals>;
}

export type UtlVerb = Verb<UtlContext>;

/** Makes a verb of kvorumutl. */
export function utlVerb<F extends Flags>(spec: VerbSpec<UtlContext, F>): UtlVerb {
  return verb(spec);
}

/** @throws CtlError "badFeature" for a format that does not exist or is not in `formats` */
export function formatOf<Format>(
  { flags }: UtlContext,
  formats: Readonly<Record<string, Format>>,
): Format {
  const name = flags["write-out"];
  const format = Object.hasOwn(formats, name) ? formats[name] : undefined;
  if (format !== undefined) return format;
  const isKnown = ["simple", "json", "fields", "protobuf", "table"].includes(name);
  const text = isKnown ? `${name} not supported as output format` : "unsupported output format";
  throw new CtlError("badFeature", text);
}
