import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { startHarness } from "./testing/harness.js";
import type { Method } from "./types.js";

/**
 * etcd's own client, written in Go: `etcdctl` on PATH or named by KVORUM_TEST_ETCDCTL. It gets a
 * canned answer, since only the transport is at stake here.
 */
const run = promisify(execFile);
const command = process.env.KVORUM_TEST_ETCDCTL ?? "etcdctl";

/** RangeResponse { header { revision: 7 }, kvs: [{ key: "foo", value: "bar" }], count: 1 } */
const RANGE_RESPONSE = Buffer.concat([
  Buffer.from([0x0a, 2, 0x18, 7]),
  Buffer.from([0x12, 10, 0x0a, 3]),
  Buffer.from("foo"),
  Buffer.from([0x2a, 3]),
  Buffer.from("bar"),
  Buffer.from([0x20, 1]),
]);

async function hasEtcdctl(): Promise<boolean> {
  try {
    await run(command, ["version"], { env: { ...process.env, ETCDCTL_API: "3" } });
    return true;
  } catch {
    console.log(`skipped: no ${command} to run`);
    return false;
  }
}

it("etcdctl get", async () => {
  if (!(await hasEtcdctl())) return;
  const seen: string[] = [];
  const methods = new Map<string, Method>([
    [
      "/etcdserverpb.KV/Range",
      {
        kind: "unary",
        handle: (call, message) => {
          seen.push(message.toString("latin1"));
          expect(call.deadlineMs).toBeLessThan(Number.POSITIVE_INFINITY);
          call.respondCopy(RANGE_RESPONSE, RANGE_RESPONSE.length);
        },
      },
    ],
  ]);
  const harness = await startHarness({ methods });
  const env = { ...process.env, ETCDCTL_API: "3" };
  const etcdctl = (...args: string[]) =>
    run(command, ["--endpoints", `127.0.0.1:${harness.port}`, ...args], { env, timeout: 20_000 });
  expect((await etcdctl("get", "foo")).stdout).toBe("foo\nbar\n");
  expect(seen[0]).toContain("foo");
  await expect(etcdctl("put", "foo", "bar")).rejects.toMatchObject({
    stderr: expect.stringContaining("unknown method Put for service etcdserverpb.KV"),
  });
  await harness.close();
});
