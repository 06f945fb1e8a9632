import { nodeClock } from "@kvorum/base/node";
import { beforeEach, expect, test } from "vitest";
import type { OpenedStore } from "../boot/open-store.js";
import { openContent } from "../testing/open-content.js";
import { Cluster } from "./cluster.js";

let opened: OpenedStore;
let cluster: Cluster;

beforeEach(async () => {
  opened = await openContent(nodeClock);
  cluster = new Cluster({ id: 1n, store: opened.buffered });
});

const member = (id: bigint, isLearner = false) => ({
  ...{ id, isLearner, name: `m${id}`, peerUrls: [`http://p${id}`], clientUrls: [`http://c${id}`] },
});

/** What a restart finds. */
async function reloaded(): Promise<Cluster> {
  const again = new Cluster({ id: 1n, store: opened.buffered });
  await again.load();
  return again;
}

test("members are sorted by id, apart as voters and learners, and found after a restart", async () => {
  for (const id of [9n, 2n ** 63n + 1n, 5n]) cluster.put(member(id));
  cluster.put(member(7n, true));
  for (const seen of [cluster, await reloaded()]) {
    expect(seen.members().map(({ id }) => id)).toEqual([5n, 7n, 9n, 2n ** 63n + 1n]);
    expect(seen.voters().map(({ id }) => id)).toEqual([5n, 9n, 2n ** 63n + 1n]);
    expect(seen.learners().map(({ id }) => id)).toEqual([7n]);
    expect(seen.member(7n)).toMatchObject(member(7n, true));
  }
});

test("a removed member is gone for good", async () => {
  cluster.put(member(5n));
  cluster.remove(5n);
  for (const seen of [cluster, await reloaded()]) {
    expect(seen.members()).toEqual([]);
    expect(seen.isRemoved(5n)).toBe(true);
    expect(seen.isRemoved(6n)).toBe(false);
    expect(seen.removed()).toEqual([5n]);
  }
});

test("version and downgrade are found after a restart", async () => {
  expect([cluster.version, cluster.downgrade.enabled]).toEqual(["", false]);
  cluster.setVersion("3.7.0");
  cluster.setDowngrade({ enabled: true, targetVersion: "3.6.0" });
  const again = await reloaded();
  expect(again.version).toBe("3.7.0");
  expect(again.downgrade).toEqual({ enabled: true, targetVersion: "3.6.0" });
});

test("loading another store forgets all that the first one held", async () => {
  cluster.put(member(5n));
  cluster.remove(5n);
  cluster.put(member(6n));
  cluster.setVersion("3.7.0");
  const other = await openContent(nodeClock);
  await cluster.load(other.buffered);
  expect([cluster.members(), cluster.removed(), cluster.version]).toEqual([[], [], ""]);
  cluster.put(member(8n));
  expect((await reloaded()).members().map(({ id }) => id)).toEqual([6n]);
});

test("records stand in the store as etcd writes them", async () => {
  cluster.put({ ...member(5n), clientUrls: [] });
  cluster.setDowngrade({ enabled: true, targetVersion: "3.6.0" });
  const text = async (bucket: "members" | "cluster") =>
    (await opened.buffered.entries(bucket)).map(([key, value]) => `${key} ${Buffer.from(value)}`);
  expect(
    (await opened.buffered.entries("members")).map(([key]) => String(Buffer.from(key))),
  ).toEqual(["5"]);
  expect((await text("members")).join()).toContain('{"id":5,"peerURLs":["http://p5"],"name":"m5"}');
  expect((await text("cluster")).join()).toContain('{"target-version":"3.6.0","enabled":true}');
});
