import { hexId } from "@kvorum/base";
import { etcdVersion } from "../config/version.js";
import type { MemberOptions } from "../member-options.js";
import type { Member } from "../membership/member.js";

/** The oldest cluster that can be joined. Source: etcd MinClusterVersion. */
const LOWEST_VERSION = [3, 0] as const;

/**
 * Before joining a running cluster: its version must be one that this release can serve, that is, at
 * most its own; while a downgrade runs, exactly one minor version above it. Members that don't
 * answer or don't know the cluster version are passed over, but one must.
 * Source: etcd's isCompatibleWithCluster.
 * @throws Error with etcd's text
 */
export async function checkCompatible(
  { peerClient, logger, learnersMax }: MemberOptions,
  others: readonly Member[],
  timeoutMs: number,
): Promise<void> {
  const versions = await Promise.all(
    others.map(async (member) => ({
      member,
      version: await firstAnswer(member, (url) => peerClient.getVersion({ url, timeoutMs })),
    })),
  );
  const [lowest, highest] = allowedVersions(
    await isDowngrading(others, (url) => peerClient.getDowngradeEnabled({ url, timeoutMs })),
  );
  let isKnown = false;
  for (const { member, version } of versions) {
    const found = /^(\d+)\.(\d+)\.\d+/.exec(version?.cluster ?? "");
    const fields = {
      "remote-member-id": hexId(member.id),
      "remote-member-cluster-version": version?.cluster ?? "no answer",
    };
    if (found === null) {
      logger.warn("failed to parse cluster version of remote member", fields);
      continue;
    }
    const [major, minor] = [Number(found[1]), Number(found[2])];
    if (isBelow([major, minor], lowest)) {
      logger.warn("cluster version of remote member is not compatible; too low", fields);
      throw new Error(INCOMPATIBLE);
    }
    if (isBelow(highest, [major, minor])) {
      logger.warn("cluster version of remote member is not compatible; too high", fields);
      throw new Error(INCOMPATIBLE);
    }
    isKnown = true;
  }
  if (!isKnown) throw new Error(INCOMPATIBLE);
  if (others.filter(({ isLearner }) => isLearner).length > learnersMax) {
    throw new Error("membership: too many learner members in cluster");
  }
}

const INCOMPATIBLE = "incompatible with current running cluster";
type Version = readonly [major: number, minor: number];

function allowedVersions(downgrading: boolean): readonly [Version, Version] {
  const [major = 0, minor = 0] = etcdVersion.split(".").map(Number);
  if (!downgrading) return [LOWEST_VERSION, [major, minor]];
  const next: Version = [major, minor + 1];
  return [next, next];
}

function isBelow(left: Version, right: Version): boolean {
  return left[0] < right[0] || (left[0] === right[0] && left[1] < right[1]);
}

/** The first member that answers decides: it answers after a linearizable read. */
async function isDowngrading(
  others: readonly Member[],
  ask: (url: string) => Promise<boolean>,
): Promise<boolean> {
  for (const member of others) {
    const answer = await firstAnswer(member, ask);
    if (answer !== undefined) return answer;
  }
  return false;
}

async function firstAnswer<Answer>(
  { peerUrls }: Member,
  ask: (url: string) => Promise<Answer>,
): Promise<Answer | undefined> {
  for (const url of peerUrls) {
    try {
      return await ask(url);
    } catch {
      // Unreachable or refused: the next URL may do.
    }
  }
  return undefined;
}
