import { badArguments, CtlError } from "../cli/ctl-error.js";
import { flag } from "../cli/flags.js";
import { type CtlContext, ctlVerb } from "./context.js";
import { firstAborted } from "./first-aborted.js";

export const elect = ctlVerb({
  name: "elect",
  usage: "elect <election-name> [proposal]",
  summary: "Observes and participates in leader election",
  flags: { listen: flag.bool("observation mode", false, { shorthand: "l" }) },
  async run(context, { args, flags }) {
    const [name, proposal] = args;
    if (name === undefined || args.length > 2) {
      throw badArguments(
        "elect takes one election name argument and an optional proposal argument",
      );
    }
    if (proposal === undefined && !flags.listen) {
      throw badArguments("no proposal argument but -l not set");
    }
    if (proposal !== undefined && flags.listen) {
      throw badArguments("proposal given but -l is set");
    }
    if (proposal === undefined) await observe(context, name);
    else await campaign(context, { name, proposal });
  },
});

/** Prints each leader until the command is interrupted. */
async function observe(context: CtlContext, name: string): Promise<void> {
  const signal = context.io.interrupted;
  const client = await context.client();
  for await (const { header, kv } of client.election(name).observe({ signal })) {
    context.display.show("get", { header, kvs: [kv], more: false, count: 0 });
  }
}

/** Leads until the command is interrupted. */
async function campaign(
  context: CtlContext,
  { name, proposal }: { readonly name: string; readonly proposal: string },
): Promise<void> {
  const { interrupted } = context.io;
  const client = await context.client();
  const leadership = await client.election(name).campaign(proposal, { signal: interrupted });
  context.display.show("get", await client.kv.get(leadership.key));
  const first = await firstAborted(interrupted, leadership.lost);
  if (first === leadership.lost) throw new CtlError("error", "elect: session expired");
  await leadership.resign();
}
