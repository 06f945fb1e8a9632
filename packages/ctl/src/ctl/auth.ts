import type { Client } from "@kvorum/client";
import { badArguments } from "../cli/ctl-error.js";
import type { Group } from "../cli/verb.js";
import { type CtlContext, ctlVerb } from "./context.js";

const ROOT = "root";
const ROOT_ROLE_MISSING = "etcdserver: root user does not have root role";

const enable = ctlVerb({
  name: "enable",
  usage: "enable",
  summary: "Enables authentication",
  flags: {},
  async run(context, { args }) {
    refuseArguments("enable", args);
    const client = await context.client();
    await enableWithRootRole(client, context.timeoutMs);
    context.io.stdout.write("Authentication Enabled\n");
  },
});

/** The user "root" is given the role "root", which is made, when it has none yet. */
async function enableWithRootRole({ auth }: Client, timeoutMs: number): Promise<void> {
  try {
    await auth.enable({ timeoutMs });
  } catch (error) {
    if (!(error instanceof Error) || error.message !== ROOT_ROLE_MISSING) throw error;
    await auth.roleAdd(ROOT, { timeoutMs });
    await auth.userGrantRole(ROOT, ROOT, { timeoutMs });
    await auth.enable({ timeoutMs });
  }
}

const disable = ctlVerb({
  name: "disable",
  usage: "disable",
  summary: "Disables authentication",
  flags: {},
  async run(context, { args }) {
    refuseArguments("disable", args);
    const { auth } = await context.client();
    await auth.disable({ timeoutMs: context.timeoutMs });
    context.io.stdout.write("Authentication Disabled\n");
  },
});

const status = ctlVerb({
  name: "status",
  usage: "status",
  summary: "Returns authentication status",
  flags: {},
  async run(context, { args }) {
    refuseArguments("status", args);
    const { auth } = await context.client();
    context.display.show("authStatus", await auth.status({ timeoutMs: context.timeoutMs }));
  },
});

function refuseArguments(name: string, args: readonly string[]): void {
  if (args.length > 0) throw badArguments(`auth ${name} command does not accept any arguments`);
}

export const auth: Group<CtlContext> = {
  name: "auth",
  summary: "Enable or disable authentication",
  verbs: [enable, disable, status],
};
