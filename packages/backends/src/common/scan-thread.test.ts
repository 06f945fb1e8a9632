import { afterEach, expect, test } from "vitest";
import { SCAN_AHEAD_BATCHES } from "../limits.js";
import { ScanThread } from "./scan-thread.js";

/** Answers as `serveScans` does, from a store of `workerData` batches, and tells how many it made. */
const SCRIPT = `
  import { parentPort, workerData } from "node:worker_threads";
  let made = 0;
  const make = (scan) => {
    if (made === workerData) return parentPort.postMessage({ kind: "end", scan });
    made++;
    const bytes = new ArrayBuffer(2);
    const bounds = new Uint32Array([0, 1, 2]).buffer;
    parentPort.postMessage({ kind: "batch", scan, count: 1, bytes, bounds });
  };
  let returned = 0;
  parentPort.on("message", ({ kind, scan, batches, memory }) => {
    if (kind === "scan") make(scan);
    else if (kind === "more") {
      for (const { byteLength } of memory) returned += byteLength;
      for (let i = 0; i < batches; i++) make(scan);
    } else parentPort.postMessage({ kind: "made", made, returned });
  });
`;

const threads: ScanThread[] = [];

afterEach(async () => {
  for (const thread of threads.splice(0)) await thread.close();
});

interface Told {
  readonly made: number;
  /** Bytes that came back. */
  readonly returned: number;
}

interface Started {
  readonly thread: ScanThread;
  tell(): Promise<Told>;
}

function start(batches: number): Started {
  let told = (_: Told): void => {};
  const thread = new ScanThread({
    script: new URL(`data:text/javascript,${encodeURIComponent(SCRIPT)}`),
    workerData: batches,
    reusesMemory: true,
    file: "test",
    onOther: (message) => told(message as Told),
  });
  threads.push(thread);
  const tell = (): Promise<Told> =>
    new Promise((resolve) => {
      told = resolve;
      thread.post({ kind: "tell" });
    });
  return { thread, tell };
}

test("a scan that is left after its first batch has made no other", async () => {
  const { thread, tell } = start(100);
  for await (const batch of thread.scan(1, "key", {})) {
    expect(batch.packed!.count).toBe(1);
    break;
  }
  expect((await tell()).made).toBe(1);
});

test("batches are made ahead of a reader that goes on", async () => {
  const { thread, tell } = start(100);
  const scan = thread.scan(1, "key", {});
  await scan.next();
  await scan.next();
  expect((await tell()).made).toBe(2 + SCAN_AHEAD_BATCHES);
  await scan.return(undefined);
});

test("memory that the reader gives back reaches the thread, other memory stays the reader's", async () => {
  const { thread, tell } = start(10);
  let kept = 0;
  for await (const { packed } of thread.scan(1, "key", {})) {
    const { bytes, recycle } = packed!;
    expect(bytes.length).toBe(2);
    if (kept++ % 2 === 0) recycle!();
  }
  const { made, returned } = await tell();
  expect(made).toBe(10);
  // What comes back with the last batches is of no use any more.
  expect(returned).toBeGreaterThanOrEqual(4);
  expect(returned).toBeLessThanOrEqual(10);
});

test("memory that comes back after a scan was left reaches the thread with the next", async () => {
  const { thread, tell } = start(100);
  const kept: (() => void)[] = [];
  for await (const { packed } of thread.scan(1, "key", {})) {
    if (kept.push(packed!.recycle!) === 3) break;
  }
  for (const recycle of kept) recycle();
  const next = thread.scan(1, "key", {});
  await next.next();
  await next.next();
  expect((await tell()).returned).toBe(6);
  await next.return(undefined);
});

test("all batches arrive, whether there are none or many", async () => {
  for (const batches of [0, 1, 2, 3, 4, 5, 50]) {
    let count = 0;
    for await (const batch of start(batches).thread.scan(1, "key", {})) {
      count += batch.packed!.count;
    }
    expect(count).toBe(batches);
  }
});
