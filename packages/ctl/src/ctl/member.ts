import { goQuote } from "@kvorum/base";
import type { MemberAddResponse } from "@kvorum/client";
import { badArguments } from "../cli/ctl-error.js";
import { flag } from "../cli/flags.js";
import type { Group } from "../cli/verb.js";
import { isSerializable } from "./consistency.js";
import { type CtlContext, ctlVerb } from "./context.js";
import { parseMember } from "./ids.js";

const add = ctlVerb({
  name: "add",
  usage: "add <memberName> [options]",
  summary: "Adds a member into the cluster",
  flags: {
    "peer-urls": flag.string("comma separated peer URLs for the new member."),
    learner: flag.bool("indicates if the new member is raft learner"),
  },
  async run(context, { args, flags }) {
    const [name, ...others] = args;
    if (name === undefined) throw badArguments("member name not provided");
    if (others.length > 0) throw badArguments(`too many arguments${hint(args)}`);
    const urls = flags["peer-urls"];
    if (urls === "") throw badArguments("member peer urls not provided");
    const { cluster } = await context.client();
    const options = { isLearner: flags.learner, timeoutMs: context.timeoutMs };
    const response = await cluster.memberAdd(urls.split(","), options);
    context.display.show("memberAdd", response);
    if (context.display.format !== "simple") return;
    context.io.stdout.write(settings(response, name, urls));
  },
});

function hint(args: readonly string[]): string {
  const urls = args.filter((word) => word.toLowerCase().startsWith("http"));
  return urls.map((url) => `, did you mean --peer-urls=${url}`).join("");
}

/** The environment with which the new member is to be started. */
function settings({ member, members }: MemberAddResponse, name: string, urls: string): string {
  const initial = members.flatMap((one) =>
    one.peerURLs.map((url) => `${one.ID === member?.ID ? name : one.name}=${url}`),
  );
  return [
    "",
    `ETCD_NAME=${goQuote(name)}`,
    `ETCD_INITIAL_CLUSTER=${goQuote(initial.join(","))}`,
    `ETCD_INITIAL_ADVERTISE_PEER_URLS=${goQuote(urls)}`,
    'ETCD_INITIAL_CLUSTER_STATE="existing"',
    "",
  ].join("\n");
}

const remove = ctlVerb({
  name: "remove",
  usage: "remove <memberID>",
  summary: "Removes a member from the cluster",
  flags: {},
  async run(context, { args }) {
    const id = onlyMember(args);
    const { cluster } = await context.client();
    const response = await cluster.memberRemove(id, { timeoutMs: context.timeoutMs });
    context.display.show("memberRemove", { id, response });
  },
});

const update = ctlVerb({
  name: "update",
  usage: "update <memberID> [options]",
  summary: "Updates a member in the cluster",
  flags: { "peer-urls": flag.string("comma separated peer URLs for the updated member.") },
  async run(context, { args, flags }) {
    const id = onlyMember(args);
    const urls = flags["peer-urls"];
    if (urls === "") throw badArguments("member peer urls not provided");
    const { cluster } = await context.client();
    const { timeoutMs } = context;
    const response = await cluster.memberUpdate(id, urls.split(","), { timeoutMs });
    context.display.show("memberUpdate", { id, response });
  },
});

const list = ctlVerb({
  name: "list",
  usage: "list",
  summary: "Lists all members in the cluster",
  description: `When --write-out is set to simple, this command prints out comma-separated member lists for each endpoint.
The items in the lists are ID, Status, Name, Peer Addrs, Client Addrs, Is Learner.`,
  flags: { consistency: flag.string("Linearizable(l) or Serializable(s)", "l") },
  async run(context, { flags }) {
    const serializable = isSerializable(flags.consistency);
    const { cluster } = await context.client();
    const { timeoutMs } = context;
    context.display.show("memberList", await cluster.memberList({ serializable, timeoutMs }));
  },
});

const promote = ctlVerb({
  name: "promote",
  usage: "promote <memberID>",
  summary: "Promotes a non-voting member in the cluster",
  description: "Promotes a non-voting learner member to a voting one in the cluster.",
  flags: {},
  async run(context, { args }) {
    const id = onlyMember(args);
    const { cluster } = await context.client();
    const response = await cluster.memberPromote(id, { timeoutMs: context.timeoutMs });
    context.display.show("memberPromote", { id, response });
  },
});

function onlyMember(args: readonly string[]): bigint {
  if (args.length !== 1) throw badArguments("member ID is not provided");
  return parseMember(args[0]!);
}

export const member: Group<CtlContext> = {
  name: "member",
  summary: "Membership related commands",
  verbs: [add, remove, update, list, promote],
};
