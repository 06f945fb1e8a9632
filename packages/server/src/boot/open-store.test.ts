import { etcdserverpb } from "@kvorum/api";
import { MemoryDisk } from "@kvorum/backends";
import { nodeClock } from "@kvorum/base/node";
import type { WatchHub } from "@kvorum/mvcc";
import { expect, it, vi } from "vitest";
import { openContent, openingOf } from "../testing/open-content.js";
import { type OpenedStore, replaceContent } from "./open-store.js";

const { PutRequest, WatchCreateRequest, WatchResponse } = etcdserverpb;
const key = Buffer.from("k");

function put({ store }: OpenedStore, times: number): void {
  const empty = PutRequest.decode(new Uint8Array(0));
  for (let i = 0; i < times; i++) store.put({ ...empty, key, value: key });
}

/** Watches the key from now on; what it is told, as "created", "progress R" and "event R". */
function watch(hub: WatchHub) {
  const told: string[] = [];
  const write = (parts: readonly Uint8Array[]) => {
    const { created, header, events } = WatchResponse.decode(Buffer.concat(parts));
    for (const { kv } of events) told.push(`event ${kv?.modRevision}`);
    if (events.length === 0) told.push(created ? "created" : `progress ${header?.revision}`);
    return true;
  };
  const stream = hub.openStream({
    ...{ output: { write }, fragmentBytes: 2 ** 20, progressIntervalMs: 600_000 },
  });
  stream.create({ ...WatchCreateRequest.decode(new Uint8Array(0)), key });
  return { told, stream };
}

it("replaces the content under watchers, which hear of all that lies between, and then of progress", async () => {
  const disk = new MemoryDisk();
  const ahead = await openContent(nodeClock, disk);
  put(ahead, 5);
  await ahead.store.close();
  await ahead.buffered.close();
  const opened = await openContent(nodeClock);
  put(opened, 1);
  const { told, stream } = watch(opened.watchHub);
  put(opened, 1);
  await expect.poll(() => told).toEqual(["created", "event 3"]);
  let late: ReturnType<typeof watch> | undefined;
  const load = opened.alarms.load.bind(opened.alarms);
  vi.spyOn(opened.alarms, "load").mockImplementation(async (store) => {
    stream.requestProgress();
    late = watch(opened.watchHub);
    await load(store);
  });

  const opening = await openingOf(nodeClock, disk);
  opened.lessor.grant(7n, 30);
  await replaceContent(opened, opening, opening.backend);
  // Counters never go back: Prometheus would take that for a restart.
  expect(opened.store.stat()).toMatchObject({ puts: 2, putBytes: 4, currentRevision: 6 });
  expect(opened.lessor.counters).toMatchObject({ leases: 0, granted: 1 });
  const between = ["event 4", "event 5", "event 6"];
  await expect.poll(() => told).toEqual(["created", "event 3", ...between]);
  stream.requestProgress();
  expect(told.at(-1)).toBe("progress 6");
  put(opened, 1);
  await expect.poll(() => late?.told).toEqual(["created", "event 7"]);
  opened.watchHub.close();
  await opened.store.close();
  await opened.buffered.close();
});
