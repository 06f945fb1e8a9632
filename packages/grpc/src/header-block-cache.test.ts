import { afterAll, beforeAll, expect, it } from "vitest";
import { Flag, FrameType } from "./frame.js";
import { HeaderBlockCache } from "./header-block-cache.js";
import { encodeFields, encodeIndexingField, type Field } from "./hpack/encoder.js";
import { MethodResolver } from "./method-resolver.js";
import { buildRequestHead } from "./request-head.js";
import { type Harness, startHarness } from "./testing/harness.js";
import { dataFrame, frame, grpcMessage, RawClient, requestFields } from "./testing/raw-client.js";

let harness: Harness;

beforeAll(async () => {
  harness = await startHarness();
});

afterAll(() => harness.close());

it("the same bytes mean another thing once the dynamic table has changed", async () => {
  const client = await RawClient.handshake(harness.port);
  const base = encodeFields(requestFields("/test.Echo/Metadata"));
  let streamId = -1;
  const ask = async (...more: Buffer[]): Promise<string> => {
    streamId += 2;
    client.send(
      frame(FrameType.HEADERS, Flag.END_HEADERS, streamId, Buffer.concat([base, ...more])),
      dataFrame(streamId, grpcMessage(Buffer.from("k")), Flag.END_STREAM),
    );
    await client.trailers(streamId);
    return client.body(streamId).toString("utf8", 5);
  };
  const newest = Buffer.from([0x80 | 62]);
  const insert = (field: Field): Buffer => encodeIndexingField(field);
  expect(await ask(insert(["k", "one"]))).toBe('["one"]');
  expect(await ask(newest)).toBe('["one"]');
  expect(await ask(newest)).toBe('["one"]');
  expect(await ask(insert(["k", "two"]))).toBe('["two"]');
  expect(await ask(newest)).toBe('["two"]');
  expect(await ask(newest, Buffer.from([0x80 | 63]))).toBe('["two","one"]');
  client.close();
});

it("finds exactly what was stored, whatever shares its slot", () => {
  const resolver = new MethodResolver(new Map());
  const cache = new HeaderBlockCache(2, 100);
  const block = (i: number): Buffer => Buffer.from(`block ${i}`);
  const heads = Array.from({ length: 20 }, (_, i) =>
    buildRequestHead([":method", "GET", ":scheme", "http", ":path", `/${i}`], {
      resolver,
      servesPlain: true,
    }),
  );
  heads.forEach((head, i) => {
    const bytes = Buffer.concat([Buffer.from("xx"), block(i), Buffer.from("yy")]);
    cache.set(bytes, { start: 2, end: bytes.length - 2 }, 7, head);
    expect(cache.get(block(i), 0, block(i).length, 7)).toBe(head);
    expect(cache.get(block(i), 0, block(i).length, 8)).toBeUndefined();
  });
  heads.forEach((head, i) => {
    expect([head, undefined]).toContain(cache.get(block(i), 0, block(i).length, 7));
  });
  const long = Buffer.alloc(101);
  cache.set(long, { start: 0, end: 101 }, 7, heads[0]!);
  expect(cache.get(long, 0, 101, 7)).toBeUndefined();
});
