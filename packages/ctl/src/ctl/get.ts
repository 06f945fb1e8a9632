import type { Bytes, GetOptions } from "@kvorum/client";
import { badArguments, CtlError } from "../cli/ctl-error.js";
import { type FlagValues, flag } from "../cli/flags.js";
import { collectStream } from "./collect-stream.js";
import { isSerializable } from "./consistency.js";
import { ctlVerb } from "./context.js";

export const getFlags = {
  consistency: flag.string('Linearizable(l) or Serializable(s) (default "l")', "l"),
  order: flag.string("Order of results; ASCEND or DESCEND (ASCEND by default)"),
  "sort-by": flag.string("Sort target; CREATE, KEY, MODIFY, VALUE, or VERSION"),
  limit: flag.int("Maximum number of results"),
  prefix: flag.bool("Get keys with matching prefix"),
  "from-key": flag.bool(
    "Get keys that are greater than or equal to the given key using byte compare",
  ),
  rev: flag.int("Specify the kv revision"),
  "keys-only": flag.bool("Get only the keys"),
  "count-only": flag.bool("Get only the count"),
  "print-value-only": flag.bool('Only write values when using the "simple" output format'),
  "min-create-rev": flag.int("Minimum create revision"),
  "max-create-rev": flag.int("Maximum create revision"),
  "min-mod-rev": flag.int("Minimum modification revision"),
  "max-mod-rev": flag.int("Maximum modification revision"),
  stream: flag.bool("Use the RangeStream RPC"),
} as const;

export const get = ctlVerb({
  name: "get",
  usage: "get [options] <key> [range_end]",
  summary: "Gets the key or a range of keys",
  flags: getFlags,
  async run(context, { args, flags }) {
    const { key, options } = readGet(args, flags);
    const { kv } = await context.client();
    const call = { ...options, timeoutMs: context.timeoutMs };
    const response = flags.stream
      ? await collectStream(kv.getStream(key, call))
      : await kv.get(key, call);
    if (flags["count-only"] && context.display.format !== "fields") {
      throw badArguments("--count-only is only for `--write-out=fields`");
    }
    const valueOnly = flags["print-value-only"];
    if (valueOnly && context.display.format !== "simple") {
      throw badArguments("print-value-only is only for `--write-out=simple`");
    }
    context.display.show("get", response, { valueOnly });
  },
});

type GetFlags = FlagValues<typeof getFlags>;

export interface Get {
  readonly key: Bytes;
  readonly options: GetOptions;
}

/** What a line "get …" asks for. @throws CtlError "badArguments" | "badFeature" */
export function readGet(args: readonly Bytes[], flags: GetFlags): Get {
  const [key, rangeEnd] = args;
  if (key === undefined) {
    throw badArguments(
      "get command needs one argument as key and an optional argument as range_end",
    );
  }
  if (flags.prefix && flags["from-key"]) {
    throw badArguments("`--prefix` and `--from-key` cannot be set at the same time, choose one");
  }
  if (flags["keys-only"] && flags["count-only"]) {
    throw badArguments(
      "`--keys-only` and `--count-only` cannot be set at the same time, choose one",
    );
  }
  const serializable = isSerializable(flags.consistency);
  if (rangeEnd !== undefined && (flags.prefix || flags["from-key"])) {
    throw badArguments(
      "too many arguments, only accept one argument when `--prefix` or `--from-key` is set",
    );
  }
  const options: GetOptions = {
    serializable,
    rangeEnd,
    prefix: flags.prefix,
    fromKey: flags["from-key"],
    limit: flags.limit,
    revision: Math.max(0, flags.rev),
    ...readSort(flags),
    keysOnly: flags["keys-only"],
    countOnly: flags["count-only"],
    ...readBounds(flags),
  };
  return { key, options };
}

const TARGETS = {
  "": "key",
  CREATE: "create",
  KEY: "key",
  MODIFY: "mod",
  VALUE: "value",
  VERSION: "version",
} as const;
const ORDERS = { "": "none", ASCEND: "ascend", DESCEND: "descend" } as const;

function readSort(flags: GetFlags): Pick<GetOptions, "order" | "sortBy"> {
  const order = flags.order.toUpperCase();
  if (!isNameOf(ORDERS, order)) throw new CtlError("badFeature", `bad sort order ${flags.order}`);
  const target = flags["sort-by"].toUpperCase();
  if (!isNameOf(TARGETS, target)) {
    throw new CtlError("badFeature", `bad sort target ${flags["sort-by"]}`);
  }
  return { order: ORDERS[order], sortBy: TARGETS[target] };
}

function isNameOf<T extends object>(table: T, name: string): name is keyof T & string {
  return Object.hasOwn(table, name);
}

function readBounds(flags: GetFlags): GetOptions {
  const {
    "min-create-rev": minCreate,
    "max-create-rev": maxCreate,
    "min-mod-rev": minMod,
    "max-mod-rev": maxMod,
  } = flags;
  if (maxCreate > 0 && minCreate > maxCreate) {
    const text = `getMinCreateRev(=${minCreate}) > getMaxCreateRev(=${maxCreate})`;
    throw new CtlError("badFeature", text);
  }
  if (maxMod > 0 && minMod > maxMod) {
    throw new CtlError("badFeature", `getMinModRev(=${minMod}) > getMaxModRev(=${maxMod})`);
  }
  return {
    minCreateRevision: Math.max(0, minCreate),
    maxCreateRevision: Math.max(0, maxCreate),
    minModRevision: Math.max(0, minMod),
    maxModRevision: Math.max(0, maxMod),
  };
}
