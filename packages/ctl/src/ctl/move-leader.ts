import type { Client } from "@kvorum/client";
import { badArguments } from "../cli/ctl-error.js";
import { parseInteger } from "../cli/flags.js";
import { type CtlContext, ctlVerb } from "./context.js";
import { reason } from "./ids.js";

export const moveLeader = ctlVerb({
  name: "move-leader",
  usage: "move-leader <transferee-member-id>",
  summary: "Transfers leadership to another etcd cluster member.",
  flags: {},
  async run(context, { args }) {
    if (args.length !== 1) throw badArguments("move-leader command needs 1 argument");
    const target = parseInteger(args[0]!, { base: 16, isSigned: false, bits: 64 });
    if (typeof target !== "bigint") throw badArguments(reason("ParseUint", args[0]!, target));
    const found = await findLeader(context);
    if (found === undefined) {
      throw badArguments(`no leader endpoint given at [${context.endpoints.join(" ")}]`);
    }
    const { client, leader } = found;
    const options = { timeoutMs: context.timeoutMs };
    const response = await client.maintenance.moveLeader(target, options);
    context.display.show("moveLeader", { leader, target, response });
  },
});

/** The endpoint whose member leads; only that one takes the request. */
async function findLeader(
  context: CtlContext,
): Promise<{ readonly client: Client; readonly leader: bigint } | undefined> {
  for (const endpoint of context.endpoints) {
    const client = await context.client([endpoint]);
    const { header, leader } = await client.maintenance.status({ timeoutMs: context.timeoutMs });
    if (header.memberId === leader) return { client, leader };
  }
  return undefined;
}
