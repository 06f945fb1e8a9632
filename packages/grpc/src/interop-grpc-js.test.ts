import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Harness, startHarness } from "./testing/harness.js";

/** The reference client for Node, against this server. */

let harness: Harness;
let client: Client;

const MIB = 1024 * 1024;
const identity = (bytes: Buffer): Buffer => bytes;

beforeAll(async () => {
  harness = await startHarness();
  client = new Client(`127.0.0.1:${harness.port}`, credentials.createInsecure(), {
    "grpc.max_receive_message_length": 64 * MIB,
    "grpc.max_send_message_length": 64 * MIB,
  });
});

afterAll(async () => {
  client.close();
  await harness.close();
});

interface UnaryOptions {
  readonly metadata?: Metadata;
  readonly deadlineMs?: number;
}

function unary(method: string, message: Buffer, options: UnaryOptions = {}): Promise<Buffer> {
  const { metadata = new Metadata(), deadlineMs = 20_000 } = options;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      `/test.Echo/${method}`,
      identity,
      identity,
      message,
      metadata,
      { deadline: Date.now() + deadlineMs },
      (error: ServiceError | null, reply?: Buffer) => {
        if (error === null) resolve(reply!);
        else reject(error);
      },
    );
  });
}

describe("grpc-js", () => {
  it.each(["Unary", "Copy"])("%s calls of many sizes, many at a time", async (method) => {
    const sizes = [0, 1, 300, 8_192, 16_379, 16_380, 65_536, MIB, 4 * MIB];
    const replies = await Promise.all(
      sizes.map((size, i) => unary(method, Buffer.alloc(size, i + 1))),
    );
    replies.forEach((reply, i) => {
      expect(reply.equals(Buffer.alloc(sizes[i]!, i + 1))).toBe(true);
    });
  });

  it("many calls at once, twice over", async () => {
    for (let round = 0; round < 2; round++) {
      const replies = await Promise.all(
        Array.from({ length: 300 }, (_, i) => unary("Copy", Buffer.from(`message ${i}`))),
      );
      expect(replies.map(String)).toEqual(Array.from({ length: 300 }, (_, i) => `message ${i}`));
    }
  });

  it("errors with code and text", async () => {
    const text = "etcdserver: mvcc: 100% größer\n";
    await expect(unary("Fail", Buffer.from(text))).rejects.toMatchObject({
      code: status.OUT_OF_RANGE,
      details: text,
    });
    await expect(unary("None", Buffer.alloc(0))).rejects.toMatchObject({
      code: status.UNIMPLEMENTED,
      details: "unknown method None for service test.Echo",
    });
    await expect(unary("Unary", Buffer.alloc(9 * MIB))).rejects.toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      details: `grpc: received message larger than max (${9 * MIB} vs. ${8 * MIB})`,
    });
  });

  it("deadline", async () => {
    await expect(unary("Hang", Buffer.alloc(1), { deadlineMs: 50 })).rejects.toMatchObject({
      code: status.DEADLINE_EXCEEDED,
    });
  });

  it("metadata, repeated and binary", async () => {
    const metadata = new Metadata();
    metadata.add("token", "one");
    metadata.add("token", "two");
    metadata.add("raw-bin", Buffer.from([0, 255]));
    const values = async (name: string): Promise<string> =>
      String(await unary("Metadata", Buffer.from(name), { metadata }));
    expect(await values("token")).toMatch(/^\["one","two"\]$|^\["one, two"\]$/);
    expect(await values("raw-bin")).toMatch(/^\["AP8=?"\]$/);
    expect(await values("absent")).toBe("[]");
  });

  it("gzip'd requests", async () => {
    const zipping = new Client(`127.0.0.1:${harness.port}`, credentials.createInsecure(), {
      "grpc.default_compression_algorithm": 2,
    });
    const message = Buffer.alloc(100_000, "compressible ");
    const reply = await new Promise<Buffer | undefined>((resolve, reject) => {
      zipping.makeUnaryRequest("/test.Echo/Unary", identity, identity, message, (error, found) =>
        error === null ? resolve(found) : reject(error),
      );
    });
    expect(reply?.equals(message)).toBe(true);
    zipping.close();
  });

  it("server streaming: 20 MiB in order", async () => {
    const call = client.makeServerStreamRequest(
      "/test.Echo/Download",
      identity,
      identity,
      Buffer.from(`640,${32 * 1024}`),
    );
    let count = 0;
    for await (const message of call) {
      expect((message as Buffer).length).toBe(32 * 1024);
      expect((message as Buffer)[0]).toBe(count++ & 0xff);
    }
    expect(count).toBe(640);
  });

  it("bidirectional streaming with backpressure both ways", async () => {
    const call = client.makeBidiStreamRequest("/test.Echo/Bidi", identity, identity);
    const count = 300;
    const size = 50_000;
    const received: number[] = [];
    const done = new Promise<void>((resolve, reject) => {
      call.on("data", (message: Buffer) => {
        expect(message.length).toBe(size);
        received.push(message.readUInt32BE(0));
      });
      call.on("end", resolve);
      call.on("error", reject);
    });
    for (let i = 0; i < count; i++) {
      const message = Buffer.alloc(size);
      message.writeUInt32BE(i);
      if (!call.write(message)) await new Promise((resolve) => call.once("drain", resolve));
    }
    call.end();
    await done;
    expect(received).toEqual(Array.from({ length: count }, (_, i) => i));
  });

  it("cancel", async () => {
    const call = client.makeBidiStreamRequest("/test.Echo/Bidi", identity, identity);
    call.write(Buffer.from("x"));
    await new Promise((resolve) => call.once("data", resolve));
    const failed = new Promise<ServiceError>((resolve) => call.once("error", resolve));
    call.cancel();
    expect((await failed).code).toBe(status.CANCELLED);
    expect(String(await unary("Unary", Buffer.from("next")))).toBe("next");
  });
});
