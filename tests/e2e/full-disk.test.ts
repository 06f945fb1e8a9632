import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createPrng } from "@kvorum/base";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { KillLoad } from "../support/kill-load.js";
import { launchKvorum, scratchDirectory, startKvorum } from "../support/processes.js";
import { kv, put, Rpc } from "../support/rpc.js";
import { testUnless } from "../support/skip.js";
import { checkStore } from "../support/store-check.js";
import { WriteHistory } from "../support/write-history.js";

/** A node whose disk is full ends, saying so, and goes on where it stopped once there is space. */

const isRootOnLinux = process.platform === "linux" && process.getuid?.() === 0;
const needsRoot = testUnless(
  isRootOnLinux ? undefined : "a small file system can be mounted only by root on Linux",
);

const DISK_BYTES = 200 << 20;
/** More than a whole segment of the log: its repair keeps a copy beside it. */
const BALLAST_BYTES = 160 << 20;
const VALUE_BYTES = 50_000;
const FULL_WITHIN_MS = 40_000;

/** A small file system for the tests of the calling `describe`. */
function useDisk(): string {
  const disk = join(scratchDirectory("disk"), "mounted");
  beforeAll(() => {
    if (!isRootOnLinux) return;
    mkdirSync(disk);
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "tmpfs", disk]);
  });
  afterAll(() => {
    if (isRootOnLinux) execFileSync("umount", ["-l", disk]);
  });
  return disk;
}

describe.each(["lmdb", "leveldb", "sqlite", "memory"])("a full disk under %s", (engine) => {
  const disk = useDisk();

  needsRoot("ends the node, which loses nothing acknowledged and goes on with space", async () => {
    const ballast = join(disk, "ballast");
    writeFileSync(ballast, Buffer.alloc(BALLAST_BYTES, 1));
    const dataDir = join(disk, "data");
    const history = new WriteHistory();

    const node = await startKvorum(engine, { dataDir });
    const rpc = new Rpc(node.endpoint);
    const load = new KillLoad({
      ...{ rpc, history, round: 0, valueBytes: VALUE_BYTES },
      prng: createPrng(1),
    });
    const timer = setTimeout(() => node.process.kill("SIGKILL"), FULL_WITHIN_MS);
    const code = await node.exited;
    clearTimeout(timer);
    rpc.close();
    await load.stop();
    expect(node.log()).toMatch(/^\{"level":"fatal".*(ENOSPC|no space|NO_SPACE|full).*\}$/im);
    // Seldom a thread of an engine dies in the exit that follows the line, once in some twenty runs.
    const { signalCode } = node.process;
    if (signalCode !== null) console.log(`${engine}: the exit ended with ${signalCode}`);
    expect(code === 1 || ["SIGABRT", "SIGBUS", "SIGSEGV"].includes(signalCode ?? "")).toBe(true);
    expect(history.acknowledged).toBeGreaterThan(50);

    // While the disk is full a start fails as clearly, or serves what is there.
    const again = await launchKvorum(engine, { dataDir });
    const outcome = await Promise.race([again.serving().then(() => "serves"), again.exited]).catch(
      () => again.exited,
    );
    await again.stop();
    expect(["serves", 1]).toContain(outcome);

    rmSync(ballast);
    const healed = await startKvorum(engine, { dataDir });
    const client = new Rpc(healed.endpoint);
    try {
      const checked = await checkStore(client, history, undefined);
      const request = put({ key: Buffer.from("after"), value: Buffer.alloc(VALUE_BYTES) });
      const answer = await client.call(kv.put, request);
      expect(answer.header?.revision).toBe(checked.revision + 1);
    } catch (error) {
      throw new Error(`the healed node failed:\n${healed.log()}`, { cause: error });
    } finally {
      client.close();
      await healed.stop();
    }
  });
});

describe("a disk without a byte left", () => {
  const disk = useDisk();

  // LMDB prints a write that fails as a whole, and does not end the line.
  needsRoot("ends a node on lmdb with a line of the log that stands by itself", async () => {
    const node = await startKvorum("lmdb", { dataDir: join(disk, "data") });
    const rpc = new Rpc(node.endpoint);
    try {
      fillUp(join(disk, "ballast"));
      // The log has its room already: it may be answered before the engine writes it.
      const request = put({ key: Buffer.from("key"), value: Buffer.alloc(VALUE_BYTES) });
      await rpc.call(kv.put, request).catch(() => undefined);
      await node.exited;
    } finally {
      rpc.close();
      await node.stop();
    }
    expect(node.log()).toContain("Write error: No space left on device");
    expect(node.log()).toMatch(/^\{"level":"fatal".*no space is left.*\}$/m);
  });
});

function fillUp(file: string): void {
  for (const bytes of [1 << 20, 4096]) {
    const piece = Buffer.alloc(bytes, 1);
    try {
      for (;;) appendFileSync(file, piece);
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).toBe("ENOSPC");
    }
  }
}
