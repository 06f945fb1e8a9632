import { badArguments, CtlError } from "../cli/ctl-error.js";
import { type CtlContext, ctlVerb } from "./context.js";
import { showWatch } from "./show-watch.js";
import { watchInteractively } from "./watch-interactive.js";
import { splitWatch, startWatch, watchFlags } from "./watch-request.js";

export const watch = ctlVerb({
  name: "watch",
  usage: "watch [options] [key or prefix] [range_end] [--] [exec-command arg1 arg2 ...]",
  summary: "Watches events stream on keys or prefixes",
  flags: watchFlags,
  async run(context, { args, flags, separator }) {
    const fromEnvironment = environmentKeys(context);
    const client = await context.client();
    if (flags.interactive) {
      await watchInteractively(context, client, fromEnvironment);
      return;
    }
    const { keys, command } = splitWatch({ args, separator }, fromEnvironment);
    await showWatch(context, startWatch(client, keys, flags), command);
    throw new CtlError("interrupted", "watch is canceled by the server");
  },
});

/** ETCDCTL_WATCH_KEY and ETCDCTL_WATCH_RANGE_END. @throws CtlError "badArguments" */
function environmentKeys({ io }: CtlContext): readonly string[] {
  const key = io.env.ETCDCTL_WATCH_KEY ?? io.env.KVORUMCTL_WATCH_KEY ?? "";
  const end = io.env.ETCDCTL_WATCH_RANGE_END ?? io.env.KVORUMCTL_WATCH_RANGE_END ?? "";
  if (key === "" && end !== "") {
    const text = `ETCDCTL_WATCH_KEY is empty but got ETCDCTL_WATCH_RANGE_END=${JSON.stringify(end)}`;
    throw badArguments(text);
  }
  return [key, end].filter((one) => one !== "");
}
