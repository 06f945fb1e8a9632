import { badArguments, CtlError } from "../cli/ctl-error.js";
import { flag } from "../cli/flags.js";
import { ctlVerb } from "./context.js";
import { parseDecimal } from "./ids.js";

export const compaction = ctlVerb({
  name: "compaction",
  aliases: ["compact"],
  usage: "compaction [options] <revision>",
  summary: "Compacts the event history in etcd",
  flags: {
    physical: flag.bool("'true' to wait for compaction to physically remove all old revisions"),
  },
  async run(context, { args, flags }) {
    if (args.length !== 1) throw badArguments("compaction command needs 1 argument");
    const revision = parseDecimal(args[0]!);
    if (typeof revision !== "number") throw new CtlError("error", revision.fault);
    const { kv } = await context.client();
    await kv.compact(revision, { physical: flags.physical, timeoutMs: context.timeoutMs });
    context.io.stdout.write(`compacted revision ${revision}\n`);
  },
});
