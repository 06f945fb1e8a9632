import { hexId } from "@kvorum/base";
import type { MemberOptions } from "../member-options.js";
import { memberId } from "../membership/ids.js";

/** How long another member may take to answer. Source: etcd BootstrapTimeoutEffective. */
const ANSWER_TIMEOUT_MS = 1_000;

/**
 * A member that is to found a cluster asks the others first: if they know it with client URLs, it
 * has run before and lost its data, and must not vote a second time. The others are asked at once;
 * those that don't answer, or don't run yet, say nothing. Source: etcd's isMemberBootstrapped.
 * @throws Error with etcd's text when it has been bootstrapped
 */
export async function checkNotBootstrapped(
  { name, initialClusterToken, peerClient }: MemberOptions,
  members: ReadonlyMap<string, readonly string[]>,
): Promise<void> {
  const id = memberId(members.get(name) ?? [], initialClusterToken);
  const urls = [...members].filter(([other]) => other !== name).flatMap(([, peerUrls]) => peerUrls);
  const answers = await Promise.allSettled(
    urls.map((url) => peerClient.getMembers([url], ANSWER_TIMEOUT_MS)),
  );
  const isKnown = answers.some(
    (answer) =>
      answer.status === "fulfilled" &&
      answer.value.members.some((member) => member.id === id && member.clientUrls.length > 0),
  );
  if (isKnown) throw new Error(`member ${hexId(id)} has already been bootstrapped`);
}
