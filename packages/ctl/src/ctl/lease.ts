import { badArguments, failure } from "../cli/ctl-error.js";
import { flag } from "../cli/flags.js";
import type { Group } from "../cli/verb.js";
import { hex16 } from "../output/go-text.js";
import { type CtlContext, ctlVerb } from "./context.js";
import { parseDecimal, parseLease } from "./ids.js";

const grant = ctlVerb({
  name: "grant",
  usage: "grant <ttl>",
  summary: "Creates leases",
  flags: {},
  async run(context, { args }) {
    if (args.length !== 1) throw badArguments("lease grant command needs TTL argument");
    const ttl = parseDecimal(args[0]!);
    if (typeof ttl !== "number") throw badArguments(`bad TTL (${ttl.fault})`);
    const { lease } = await context.client();
    try {
      const response = await lease.grant(ttl, { timeoutMs: context.timeoutMs });
      context.display.show("leaseGrant", response);
    } catch (cause) {
      throw failure("error", cause, "failed to grant lease");
    }
  },
});

const revoke = ctlVerb({
  name: "revoke",
  usage: "revoke <leaseID>",
  summary: "Revokes leases",
  flags: {},
  async run(context, { args }) {
    if (args.length !== 1) throw badArguments("lease revoke command needs 1 argument");
    const id = leaseArgument(args[0]!);
    const { lease } = await context.client();
    try {
      const response = await lease.revoke(id, { timeoutMs: context.timeoutMs });
      context.display.show("leaseRevoke", { id, response });
    } catch (cause) {
      throw failure("error", cause, "failed to revoke lease");
    }
  },
});

const timeToLive = ctlVerb({
  name: "timetolive",
  usage: "timetolive <leaseID> [options]",
  summary: "Get lease information",
  flags: { keys: flag.bool("Get keys attached to this lease") },
  async run(context, { args, flags }) {
    if (args.length !== 1)
      throw badArguments("lease timetolive command needs lease ID as argument");
    const id = leaseArgument(args[0]!);
    const { lease } = await context.client();
    try {
      const response = await lease.timeToLive(id, { keys: flags.keys });
      context.display.show("leaseTimeToLive", { withKeys: flags.keys, response });
    } catch (cause) {
      throw failure("badConnection", cause);
    }
  },
});

const list = ctlVerb({
  name: "list",
  usage: "list",
  summary: "List all active leases",
  flags: {},
  async run(context) {
    const { lease } = await context.client();
    try {
      context.display.show("leaseList", await lease.leases());
    } catch (cause) {
      throw failure("badConnection", cause);
    }
  },
});

const keepAlive = ctlVerb({
  name: "keep-alive",
  usage: "keep-alive [options] <leaseID>",
  summary: "Keeps leases alive (renew)",
  flags: {
    once: flag.bool("Resets the keep-alive time to its original value and exits immediately"),
  },
  async run(context, { args, flags }) {
    if (args.length !== 1)
      throw badArguments("lease keep-alive command needs lease ID as argument");
    const id = leaseArgument(args[0]!);
    const { lease } = await context.client();
    try {
      if (flags.once) {
        context.display.show("leaseKeepAlive", await lease.keepAliveOnce(id));
        return;
      }
      for await (const response of lease.keepAlive(id)) {
        context.display.show("leaseKeepAlive", response);
      }
    } catch (cause) {
      throw failure("badConnection", cause);
    }
    if (context.display.format === "simple") {
      context.io.stdout.write(`lease ${hex16(id)} expired or revoked.\n`);
    }
  },
});

function leaseArgument(text: string): bigint {
  return parseLease(text, "bad lease ID arg");
}

export const lease: Group<CtlContext> = {
  name: "lease",
  summary: "Lease related commands",
  verbs: [grant, revoke, timeToLive, list, keepAlive],
};
