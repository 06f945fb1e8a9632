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
  parentPort.on("message", ({ kind, scan, batches }) => {
    if (kind === "scan") make(scan);
    else if (kind === "more") for (let i = 0; i < batches; i++) make(scan);
    else parentPort.postMessage({ kind: "made", made });
  });
`;

const threads: ScanThread[] = [];

afterEach(async () => {
  for (const thread of threads.splice(0)) await thread.close();
});

function start(batches: number): { readonly thread: ScanThread; made(): Promise<number> } {
  let tell = (_: number): void => {};
  const thread = new ScanThread({
    script: new URL(`data:text/javascript,${encodeURIComponent(SCRIPT)}`),
    workerData: batches,
    file: "test",
    onOther: (message) => tell((message as { readonly made: number }).made),
  });
  threads.push(thread);
  const made = (): Promise<number> =>
    new Promise((resolve) => {
      tell = resolve;
      thread.post({ kind: "tell" });
    });
  return { thread, made };
}

test("a scan that is left after its first batch has made no other", async () => {
  const { thread, made } = start(100);
  for await (const batch of thread.scan(1, "key", {})) {
    expect(batch.packed!.count).toBe(1);
    break;
  }
  expect(await made()).toBe(1);
});

test("batches are made ahead of a reader that goes on", async () => {
  const { thread, made } = start(100);
  const scan = thread.scan(1, "key", {});
  await scan.next();
  await scan.next();
  expect(await made()).toBe(2 + SCAN_AHEAD_BATCHES);
  await scan.return(undefined);
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
