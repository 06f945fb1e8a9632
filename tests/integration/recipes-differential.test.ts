import { expect } from "vitest";
import { isBefore37 } from "../support/etcd-release.js";
import { findEtcd, startEtcd, startKvorum } from "../support/processes.js";
import { RecipeTranscript } from "../support/recipe-transcript.js";
import { auth, Rpc } from "../support/rpc.js";
import { testUnless } from "../support/skip.js";

/**
 * The same requests for locks and elections to a Kvorum node and to a real etcd: replies, refusals
 * and the keys that are there afterwards must be equal.
 */
const etcd = findEtcd();
const whyNot = etcd === undefined ? "no etcd on PATH or in KVORUM_TEST_ETCD" : undefined;
const needs37 = testUnless(isBefore37() ? `${etcd} is older than 3.7` : whyNot);

const TEST_TIMEOUT_MS = 120_000;
/** The least that bcrypt takes: its time is not what is tested. */
const ARGS = ["--bcrypt-cost=4"];

async function compare(script: (side: RecipeTranscript, rpc: Rpc) => Promise<void>): Promise<void> {
  const [node, real] = await Promise.all([
    startKvorum("memory", { args: ARGS }),
    startEtcd(etcd!, { args: ARGS }),
  ]);
  const rpcs = [new Rpc(node.endpoint), new Rpc(real.endpoint)] as const;
  try {
    const [our, their] = await Promise.all(
      rpcs.map(async (rpc) => {
        const side = new RecipeTranscript(rpc);
        await script(side, rpc);
        return side.lines;
      }),
    );
    expect(our).toEqual(their);
  } finally {
    for (const rpc of rpcs) rpc.close();
    await Promise.all([node.stop(), real.stop()]);
  }
}

const leaderKey = (lease: bigint, rev: number, key = `e/${lease.toString(16)}`) => ({
  ...{ name: Buffer.from("e"), key: Buffer.from(key) },
  ...{ rev, lease },
});

needs37(
  "locks are given, refused, handed on and left as in etcd",
  () => compare(locks),
  TEST_TIMEOUT_MS,
);

async function locks(side: RecipeTranscript): Promise<void> {
  for (const id of [0x10n, 0x20n, 0x30n, 0xabcn]) await side.grant(id);
  await side.lock("a", 0x10n);
  await side.lock("a", 0x10n);
  await side.lock("a", 999n);
  await side.lock("free", 999n);
  await side.lock("free", -5n);
  await side.lock("", 0x10n);
  await side.lock("a/b", 0xabcn);
  await side.keys();
  await side.unlock("a/b/abc");
  await side.unlock("a/b/abc");
  await side.unlock("");

  const second = side.lockLater("a", 0x20n);
  await side.until("a/20", true);
  await side.lock("a", 0x30n, { deadlineMs: 700 });
  await side.until("a/30", false);
  await side.keys();
  await side.unlock("a/10");
  await second.settled();

  // The lease of a holder ends.
  const third = side.lockLater("a", 0x30n);
  await side.until("a/30", true);
  await side.revoke(0x20n);
  await third.settled();

  // The lease of one who waits ends, then the key of another one is deleted.
  const fourth = side.lockLater("a", 0xabcn);
  await side.until("a/abc", true);
  await side.revoke(0xabcn);
  await side.unlock("a/30");
  await fourth.settled();
  await side.lock("a", 0x30n);
  const fifth = side.lockLater("a", 0x10n);
  await side.until("a/10", true);
  await side.delete("a/10");
  await side.delete("a/30");
  await fifth.settled();
  await side.keys();
}

needs37(
  "elections are held, refused and left as in etcd",
  () => compare(elections),
  TEST_TIMEOUT_MS,
);

async function elections(side: RecipeTranscript): Promise<void> {
  for (const id of [0x10n, 0x20n, 0x30n]) await side.grant(id);
  await side.leader("e");
  await side.campaign("e", 999n, "x");
  await side.campaign("e", 0x10n, "first"); // created at 2
  await side.campaign("e", 0x10n, "first");
  await side.campaign("e", 0x10n, "changed");
  await side.leader("e");
  await side.proclaim(leaderKey(0x10n, 2), "proclaimed");
  await side.proclaim(leaderKey(0x10n, 3), "of another revision");
  await side.proclaim(leaderKey(0x10n, 2, ""), "without a key");
  await side.proclaim(leaderKey(999n, 2, "e/10"), "by no lease");
  await side.proclaim(undefined, "by nobody");
  await side.leader("e");
  await side.keys();

  const second = side.campaignLater("e", 0x20n, "second");
  await side.until("e/20", true);
  await side.campaign("e", 0x30n, "late", { deadlineMs: 700 });
  await side.until("e/30", false);
  await side.keys();
  await side.resign(leaderKey(0x10n, 3));
  await side.resign(leaderKey(0x10n, 2, ""));
  await side.resign(undefined);
  await side.keys();
  await side.resign(leaderKey(0x10n, 2));
  await second.settled();
  await side.leader("e");
  await side.resign(leaderKey(0x10n, 2));

  // Who loses the key while waiting is told that it leads, in etcd, too.
  const third = side.campaignLater("e", 0x30n, "third");
  await side.until("e/30", true);
  await side.revoke(0x30n);
  await side.revoke(0x20n);
  await third.settled();
  await side.keys();
  await side.leader("e");
}

needs37("a leader is observed as in etcd", () => compare(observations), TEST_TIMEOUT_MS);

async function observations(side: RecipeTranscript): Promise<void> {
  for (const id of [0x10n, 0x20n]) await side.grant(id);
  const empty = side.observe("e");
  // So that it waits before there is one; without it it reads the first.
  await new Promise((resolve) => setTimeout(resolve, 500));
  await side.campaign("e", 0x10n, "first"); // created at 2
  const begun = side.observe("e");
  const second = side.campaignLater("e", 0x20n, "second"); // created at 3
  await side.until("e/20", true);
  await new Promise((resolve) => setTimeout(resolve, 500));
  await side.proclaim(leaderKey(0x10n, 2), "again");
  await new Promise((resolve) => setTimeout(resolve, 500));
  await side.resign(leaderKey(0x10n, 2));
  await second.settled();
  await new Promise((resolve) => setTimeout(resolve, 500));
  await side.proclaim(leaderKey(0x20n, 3), "last");
  await empty.take(4);
  await begun.take(4);
}

needs37(
  "with authentication they ask for rights as etcd does",
  () => compare(rights),
  TEST_TIMEOUT_MS,
);

const user = (name: string) => ({
  ...{ name, password: "r", hashedPassword: "" },
  options: undefined,
});

async function rights(side: RecipeTranscript, rpc: Rpc): Promise<void> {
  for (const id of [0x10n, 0x20n]) await side.grant(id);
  await side.campaign("e", 0x10n, "first");
  await rpc.call(auth.userAdd, user("root"));
  await rpc.call(auth.userGrantRole, { user: "root", role: "root" });
  await rpc.call(auth.userAdd, user("reader"));
  await rpc.call(auth.roleAdd, { name: "reads" });
  const perm = { permType: 0, key: Buffer.from("e"), rangeEnd: Buffer.from("f") };
  await rpc.call(auth.roleGrantPermission, { name: "reads", perm });
  await rpc.call(auth.userGrantRole, { user: "reader", role: "reads" });
  await rpc.call(auth.authEnable, {});
  const tokenOf = async (name: string) =>
    (await rpc.call(auth.authenticate, { name, password: "r" })).token;
  const strangers = [{}, { token: "abc.1" }];
  // Without a lease one has to be granted first.
  for (const as of strangers) await side.lock("a", 0n, as);
  const users = [{ token: await tokenOf("reader") }, { token: await tokenOf("root") }];
  for (const as of [...strangers, ...users]) {
    await side.lock("a", 0x20n, as);
    await side.unlock("a/20", as);
    await side.campaign("e", 0x10n, "first", as);
    await side.campaign("e", 0x10n, "other", as);
    await side.proclaim(leaderKey(0x10n, 2), "proclaimed", as);
    await side.leader("e", as);
    await side.leader("other", as);
    await side.observe("e", as).take(1);
    await side.resign(leaderKey(0x10n, 3), as);
  }
}
