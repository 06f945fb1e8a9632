import type { ServerDuplexStream } from "@grpc/grpc-js";
import { etcdserverpb, type mvccpb } from "@kvorum/api";
import { afterEach, expect, test } from "vitest";
import { Client } from "./client.js";
import { limits } from "./limits.js";
import { breakStream, headerAt, startFakeServer } from "./test-support.js";

const { WatchResponse } = etcdserverpb;
type Stream = ServerDuplexStream<etcdserverpb.WatchRequest, etcdserverpb.WatchResponse>;

const closers: (() => void)[] = [];

afterEach(() => {
  for (const close of closers.splice(0)) close();
});

interface Created {
  readonly stream: Stream;
  readonly request: etcdserverpb.WatchCreateRequest;
}

/** A server that acknowledges each watch at `revision` and then does what `onCreate` says. */
async function watchServer(
  onCreate: (created: Created, nth: number) => void,
  revision = 10,
): Promise<string> {
  let count = 0;
  const { endpoint, stop } = await startFakeServer({
    watch: (stream) => {
      stream.on("error", () => undefined);
      stream.on("data", ({ requestUnion }: etcdserverpb.WatchRequest) => {
        if (requestUnion?.$case !== "createRequest") return;
        const request = requestUnion.value;
        const { watchId } = request;
        stream.write(WatchResponse.create({ header: headerAt(revision), watchId, created: true }));
        onCreate({ stream, request }, count++);
      });
    },
  });
  closers.push(stop);
  return endpoint;
}

function client(...endpoints: string[]): Client {
  const made = new Client({ endpoints });
  closers.push(() => made.close());
  return made;
}

function put(modRevision: number): mvccpb.Event {
  const pair = { createRevision: 1, version: 1, lease: 0n };
  const kv = { ...pair, key: Buffer.from("k"), value: Buffer.alloc(0), modRevision };
  return { type: 0, kv, prevKv: undefined };
}

function send(
  { stream, request: { watchId } }: Created,
  revisions: readonly number[],
  fragment = false,
): void {
  const events = revisions.map(put);
  const header = headerAt(revisions.at(-1)!);
  stream.write(WatchResponse.create({ header, watchId, events, fragment }));
}

async function take(watch: AsyncIterable<etcdserverpb.WatchResponse>, count: number) {
  const revisions: number[] = [];
  for await (const response of watch) {
    for (const event of response.events) revisions.push(event.kv!.modRevision);
    if (revisions.length >= count) break;
  }
  return revisions;
}

test("a broken stream is resumed after the last revision seen, at another endpoint", async () => {
  const starts: number[] = [];
  const first = await watchServer((created) => {
    starts.push(created.request.startRevision);
    send(created, [11, 12]);
    setImmediate(() => breakStream(created.stream));
  });
  const second = await watchServer((created) => {
    starts.push(created.request.startRevision);
    send(created, [13, 14]);
  });
  expect(await take(client(first, second).watch("k"), 4)).toEqual([11, 12, 13, 14]);
  expect(starts).toEqual([0, 13]);
});

test("a watch from now on means the same now after a break without events", async () => {
  const starts: number[] = [];
  const endpoint = await watchServer((created, nth) => {
    starts.push(created.request.startRevision);
    if (nth === 0) setImmediate(() => breakStream(created.stream));
    else send(created, [11]);
  });
  expect(await take(client(endpoint).watch("k"), 1)).toEqual([11]);
  expect(starts).toEqual([0, 11]);
});

test("the pieces of a response come as one, and only then count as seen", async () => {
  const starts: number[] = [];
  const endpoint = await watchServer((created, nth) => {
    starts.push(created.request.startRevision);
    send(created, [11], true);
    if (nth === 0) setImmediate(() => breakStream(created.stream));
    else send(created, [11, 12]);
  });
  const watch = client(endpoint).watch("k", { startRevision: 5, fragment: true });
  expect(await take(watch, 3)).toEqual([11, 11, 12]);
  expect(starts).toEqual([5, 5]);
});

test("a compacted start ends the watch with the revision to go on from", async () => {
  const endpoint = await watchServer(({ stream, request: { watchId } }) => {
    const header = headerAt(20);
    stream.write(WatchResponse.create({ header, watchId, canceled: true, compactRevision: 15 }));
  });
  await expect(take(client(endpoint).watch("k", { startRevision: 3 }), 1)).rejects.toMatchObject({
    code: "OUT_OF_RANGE",
    message: "etcdserver: mvcc: required revision has been compacted",
    compactRevision: 15,
  });
});

test("a slow reader is taken off the stream and misses nothing", async () => {
  const total = limits.watchQueueMax + 500;
  const starts: number[] = [];
  const endpoint = await watchServer((created) => {
    const from = created.request.startRevision;
    starts.push(from);
    for (let revision = from; revision <= total; revision++) send(created, [revision]);
  }, 0);
  const watch = client(endpoint).watch("k", { startRevision: 1 });
  const iterator = watch[Symbol.asyncIterator]();
  const seen: number[] = [];
  while (seen.length < total) {
    const { value } = await iterator.next();
    // The first one is looked at for so long that the rest piles up.
    if (seen.length === 0) await untilQuiet();
    for (const event of value!.events) seen.push(event.kv!.modRevision);
  }
  expect(seen).toEqual(Array.from({ length: total }, (_, i) => i + 1));
  expect(starts.length).toBeGreaterThan(1);
});

/** Until what the server has sent has arrived: many rounds of the event loop. */
async function untilQuiet(): Promise<void> {
  for (let i = 0; i < 3_000; i++) await new Promise((resolve) => setImmediate(resolve));
}

test("several watches share a stream, and leaving one leaves the others", async () => {
  const streams = new Set<Stream>();
  const created: Created[] = [];
  const endpoint = await watchServer((one) => {
    streams.add(one.stream);
    created.push(one);
    send(one, [11]);
  });
  const { watch } = bound(client(endpoint));
  const stay = watch("a")[Symbol.asyncIterator]();
  expect(await take(watch("b"), 1)).toEqual([11]);
  expect((await stay.next()).value!.events).toHaveLength(1);
  send(created[0]!, [12]);
  expect((await stay.next()).value!.events[0]!.kv!.modRevision).toBe(12);
  expect(streams.size).toBe(1);
});

function bound(made: Client) {
  return { watch: (key: string) => made.watch(key) };
}

test("a watch that has met a compaction is cancelled, so that the others hear of progress again", async () => {
  const cancelled: bigint[] = [];
  const { endpoint, stop } = await startFakeServer({
    watch: (stream) => {
      stream.on("error", () => undefined);
      stream.on("data", ({ requestUnion }: etcdserverpb.WatchRequest) => {
        const header = headerAt(20);
        if (requestUnion?.$case === "cancelRequest") cancelled.push(requestUnion.value.watchId);
        if (requestUnion?.$case !== "createRequest") return;
        const { watchId, startRevision } = requestUnion.value;
        stream.write(WatchResponse.create({ header, watchId, created: true }));
        if (startRevision !== 3) return;
        stream.write(
          WatchResponse.create({ header, watchId, canceled: true, compactRevision: 15 }),
        );
      });
    },
  });
  closers.push(stop);
  const made = client(endpoint);
  made.watch("other");
  const compacted = made.watch("k", { startRevision: 3 });
  await expect(take(compacted, 1)).rejects.toMatchObject({ compactRevision: 15 });
  await expect.poll(() => cancelled).toEqual([2n]);
});

test("a watch that was given up before it was answered is not asked for anew", async () => {
  const asked: string[] = [];
  const { endpoint, stop } = await startFakeServer({
    watch: (stream) => {
      stream.on("error", () => undefined);
      stream.on("data", ({ requestUnion }: etcdserverpb.WatchRequest) => {
        if (requestUnion?.$case !== "createRequest") return;
        asked.push(Buffer.from(requestUnion.value.key).toString());
        if (asked.length !== 2) return;
        given.cancel();
        breakStream(stream);
      });
    },
  });
  closers.push(stop);
  const made = client(endpoint);
  const given = made.watch("given up");
  made.watch("kept");
  await expect.poll(() => asked).toEqual(["given up", "kept", "kept"]);
});
