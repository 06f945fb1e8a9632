import { MessageType } from "@kvorum/raft";
import { afterEach, describe, expect, it } from "vitest";
import { appendOf, messageOf } from "./testing/messages.js";
import { areConnected, TestCluster } from "./testing/test-cluster.js";

const cluster = new TestCluster();
afterEach(() => cluster.stop());

describe("two members", () => {
  it("send to each other over streams", async () => {
    const one = await cluster.start({ id: 1n });
    const two = await cluster.start({ id: 2n });
    cluster.introduce([one, two]);
    await expect.poll(() => areConnected([one, two])).toBe(true);
    const append = appendOf({ to: 2n, from: 1n, term: 3, index: 10 }, { count: 5 });
    const next = appendOf({ to: 2n, from: 1n, term: 3, index: 15 }, { count: 700, dataBytes: 300 });
    const beat = messageOf({ type: MessageType.Heartbeat, to: 2n, from: 1n, term: 3, commit: 9 });
    one.transport.send([append, next, beat]);
    const reply = messageOf({ type: MessageType.AppResp, to: 1n, from: 2n, term: 3, index: 15 });
    two.transport.send([reply]);
    await expect.poll(() => two.host.stepped.length).toBe(3);
    await expect.poll(() => one.host.stepped.length).toBe(1);
    const byType = [...two.host.stepped].sort((a, b) => a.type - b.type || a.index - b.index);
    expect(byType).toEqual([append, next, beat]);
    expect(one.host.stepped).toEqual([reply]);
    expect(one.host.unreachable).toEqual([]);
    expect(one.transport.connectedSinceMs(2n)).toBeGreaterThan(0);
  });
});
