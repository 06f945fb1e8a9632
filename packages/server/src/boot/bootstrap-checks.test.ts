import { describe, expect, test } from "vitest";
import type { MemberOptions } from "../member-options.js";
import { memberId } from "../membership/ids.js";
import type { Member } from "../membership/member.js";
import { recordingLogger } from "../observe/testing/recording-logger.js";
import type { PeerClient } from "../peer/peer-client.js";
import { checkNotBootstrapped } from "./check-bootstrapped.js";
import { checkCompatible } from "./check-compatible.js";

const TOKEN = "tok";
const MEMBERS = new Map([
  ["a", ["http://a:1"]],
  ["b", ["http://b:1", "http://b:2"]],
]);
const SELF = memberId(["http://a:1"], TOKEN);

/** Only what the checks ask of a member's options. */
function optionsWith(peerClient: Partial<PeerClient>): MemberOptions {
  const options: Partial<MemberOptions> = {
    ...{ name: "a", initialClusterToken: TOKEN, learnersMax: 1, logger: recordingLogger() },
    peerClient: peerClient as PeerClient,
  };
  return options as MemberOptions;
}

function member(id: bigint, parts: Partial<Member> = {}): Member {
  return { id, peerUrls: [`http://${id}`], isLearner: false, name: "", clientUrls: [], ...parts };
}

describe("a member that is to found a cluster", () => {
  const check = (answer: (url: string) => readonly Member[]) =>
    checkNotBootstrapped(
      optionsWith({ getMembers: async ([url]) => ({ clusterId: 1n, members: answer(url!) }) }),
      MEMBERS,
    );

  test("is refused when another member knows it with client URLs, at whichever URL", async () => {
    const known = member(SELF, { clientUrls: ["http://a:2"] });
    const answer = (url: string) => {
      if (url !== "http://b:2") throw new Error("refused");
      return [known];
    };
    await expect(check(answer)).rejects.toThrow(
      `member ${SELF.toString(16)} has already been bootstrapped`,
    );
  });

  test("goes on when it is known without client URLs, unknown, or nobody answers", async () => {
    await check(() => [member(SELF)]);
    await check(() => [member(7n, { clientUrls: ["http://c:2"] })]);
    await check(() => {
      throw new Error("refused");
    });
  });
});

describe("a member that joins a cluster", () => {
  const check = (
    clusterVersions: readonly (string | undefined)[],
    { downgrading = false, learners = 0 } = {},
  ) => {
    const others = clusterVersions.map((_, i) => member(BigInt(i), { isLearner: i < learners }));
    const versionOf = (url: string) => clusterVersions[Number(url.slice("http://".length))];
    const options = optionsWith({
      getVersion: async ({ url }) => {
        const cluster = versionOf(url);
        if (cluster === undefined) throw new Error("refused");
        return { server: "3.7.1", cluster, storage: "3.7.0" };
      },
      getDowngradeEnabled: async ({ url }) => {
        if (versionOf(url) === undefined) throw new Error("refused");
        return downgrading;
      },
    });
    return checkCompatible(options, others, 100);
  };
  const INCOMPATIBLE = "incompatible with current running cluster";

  test.each([[["3.7.0", "3.7.0"]], [["3.0.0"]], [["3.6.0", "not_decided", undefined]]])(
    "may: %j",
    async (versions) => {
      await expect(check(versions)).resolves.toBe(undefined);
    },
  );

  test.each([
    [["3.8.0"]],
    [["2.3.0"]],
    [["4.0.0"]],
    [["3.7.0", "3.8.0"]],
    [["not_decided"]],
    [[undefined]],
  ])("may not: %j", async (versions) => {
    await expect(check(versions)).rejects.toThrow(INCOMPATIBLE);
  });

  test("while a downgrade runs the cluster is one minor version above", async () => {
    await expect(check([undefined, "3.8.0"], { downgrading: true })).resolves.toBe(undefined);
    await expect(check(["3.7.0"], { downgrading: true })).rejects.toThrow(INCOMPATIBLE);
    await expect(check(["3.9.0"], { downgrading: true })).rejects.toThrow(INCOMPATIBLE);
  });

  test("may not when there are more learners than it would allow", async () => {
    await expect(check(["3.7.0", "3.7.0"], { learners: 1 })).resolves.toBe(undefined);
    await expect(check(["3.7.0", "3.7.0"], { learners: 2 })).rejects.toThrow(
      "membership: too many learner members in cluster",
    );
  });
});
