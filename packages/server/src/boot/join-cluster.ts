import { type ClusterId, messageOf } from "@kvorum/base";
import { type ListenUrl, parseListenUrls } from "../config/listen-url.js";
import { findUrlMismatch, type NameLookup } from "../discovery/url-mismatch.js";
import type { InitialCluster, MemberOptions } from "../member-options.js";
import type { Member } from "../membership/member.js";
import type { RemoteCluster } from "../peer/peer-client.js";
import { requestTimeoutMsOf } from "../timing.js";
import { checkCompatible } from "./check-compatible.js";

/** The cluster that this member was added to, as its other members describe it. */
export interface ExistingCluster {
  readonly clusterId: ClusterId;
  readonly self: Member;
  readonly others: readonly Member[];
}

/**
 * Asks the members of --initial-cluster for the cluster they form, and finds this member in it by
 * its peer URLs. Source: etcd's GetClusterFromRemotePeers and ValidateClusterAndAssignIDs.
 * @throws Error with etcd's text when nobody answers or the lists don't agree
 */
export async function findExistingCluster(options: MemberOptions): Promise<ExistingCluster> {
  const configured = await options.initialCluster();
  const urls = [...configured]
    .filter(([name]) => name !== options.name)
    .flatMap(([, peerUrls]) => peerUrls);
  const { clusterId, members } = await askMembers(options, urls);
  if (members.length !== configured.size) {
    throw new Error(
      "error validating peerURLs: member count is unequal: the cluster has " +
        `${members.length} members, --initial-cluster names ${configured.size}`,
    );
  }
  const named: { readonly name: string; readonly member: Member }[] = [];
  for (const member of members) {
    named.push({ name: await nameOf(member, configured, options.nameLookup), member });
  }
  const self = named.find(({ name }) => name === options.name)?.member;
  if (self === undefined) {
    throw new Error(`couldn't find local name "${options.name}" in the existing cluster`);
  }
  const others = members.filter((member) => member !== self);
  await checkCompatible(options, others, requestTimeoutMsOf(options));
  return { clusterId, self, others };
}

/** How long one member may take to answer. Source: etcd. */
const ANSWER_TIMEOUT_MS = 10_000;

async function askMembers(
  { peerClient, logger }: MemberOptions,
  urls: readonly string[],
): Promise<RemoteCluster> {
  const onFailure = (address: string, error: Error) =>
    logger.warn("failed to get cluster response", { address, error: error.message });
  try {
    return await peerClient.getMembers(urls, ANSWER_TIMEOUT_MS, onFailure);
  } catch (error) {
    const reason = messageOf(error);
    throw new Error(
      `cannot fetch cluster info from peer urls: ${reason} (${urls.join(", ")}): ` +
        "are the other members of --initial-cluster running and reachable?",
      { cause: error },
    );
  }
}

/** The one whose URLs are the member's, or lead to the same addresses. */
async function nameOf(
  member: Member,
  configured: InitialCluster,
  lookup: NameLookup | undefined,
): Promise<string> {
  let reason: string | undefined;
  // Texts first: names of members that have nothing to do with it need not be looked up.
  for (const lookupOrNone of [undefined, lookup]) {
    for (const [name, peerUrls] of configured) {
      reason = await findUrlMismatch(parsed(member.peerUrls), parsed(peerUrls), lookupOrNone);
      if (reason === undefined) return name;
    }
  }
  throw new Error(
    "error validating peerURLs: PeerURLs: no match found for existing member " +
      `(${member.id.toString(16)}, [${member.peerUrls.join(" ")}]), ` +
      `last resolver error (${reason}); ` +
      "--initial-cluster must name every member with its present peer URLs",
  );
}

function parsed(urls: readonly string[]): readonly ListenUrl[] {
  const result = parseListenUrls(urls);
  if (result.kind === "error") throw new Error(`error validating peerURLs: ${result.message}`);
  return result.value;
}
