import { createServer, type Http2Server } from "node:http2";
import { nodeClock } from "@kvorum/base/node";
import { afterEach, describe, expect, it } from "vitest";
import { callOnce } from "../load/call-once.js";
import { ClientConnection } from "./connection.js";

/** A server of another make: node:http2, which uses Huffman coding and its own dynamic table. */
let server: Http2Server | undefined;
let connection: ClientConnection | undefined;

afterEach(() => {
  connection?.close();
  server?.close();
});

function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** Echoes; "/test/Fail" answers with a status and no message. */
async function connect(): Promise<ClientConnection> {
  const echo = createServer();
  server = echo;
  echo.on("stream", (stream, headers) => {
    if (headers[":path"] === "/test/Fail") {
      const status = { "grpc-status": "9", "grpc-message": "not%20now" };
      stream.respond({ ":status": 200, ...status }, { endStream: true });
      return;
    }
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => {
      stream.respond(
        { ":status": 200, "content-type": String(headers["content-type"]) },
        { waitForTrailers: true },
      );
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(framed(Buffer.concat(chunks).subarray(5)));
    });
  });
  await new Promise<void>((resolve) => echo.listen(0, "127.0.0.1", resolve));
  const address = echo.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  connection = await ClientConnection.connect({
    endpoint: `127.0.0.1:${port}`,
    nowMs: nodeClock.nowMs,
  });
  return connection;
}

describe("ClientConnection against node:http2", () => {
  it("echoes messages from nothing to beyond every window", async () => {
    const client = await connect();
    for (const size of [0, 1, 300, 16_379, 16_380, 70_000, 1_500_000]) {
      const message = Buffer.alloc(size, size % 251);
      const reply = await callOnce(client, "/test/Echo", message);
      expect(reply.equals(message)).toBe(true);
    }
    expect(client.openStreams).toBe(0);
  });

  it("keeps many calls of several methods apart", async () => {
    const client = await connect();
    const replies = await Promise.all(
      Array.from({ length: 600 }, async (_, i) => {
        const message = Buffer.from(`message ${i}`);
        return (await callOnce(client, `/test/Echo${i % 3}`, message)).toString();
      }),
    );
    expect(replies).toEqual(Array.from({ length: 600 }, (_, i) => `message ${i}`));
  });

  it("reports a status that came without a message, and goes on", async () => {
    const client = await connect();
    await expect(callOnce(client, "/test/Fail", Buffer.alloc(1))).rejects.toThrow(
      "status 9: not now",
    );
    expect((await callOnce(client, "/test/Echo", Buffer.from("x"))).toString()).toBe("x");
  });

  it("ends open calls when the server goes away", async () => {
    const client = await connect();
    const isGone = new Promise<void>((resolve) => {
      server?.removeAllListeners("stream");
      server?.on("stream", (stream) => {
        stream.session?.destroy();
        resolve();
      });
    });
    const call = callOnce(client, "/test/Echo", Buffer.from("x"));
    await expect(call).rejects.toThrow(/status 14/);
    await isGone;
    expect(client.closedBecause).toBeDefined();
    await expect(callOnce(client, "/test/Echo", Buffer.from("x"))).rejects.toThrow(/status 14/);
  });
});

it("says which endpoint can't be reached", async () => {
  const refused = ClientConnection.connect({ endpoint: "127.0.0.1:1", nowMs: nodeClock.nowMs });
  await expect(refused).rejects.toThrow(/127.0.0.1:1 can't be reached/);
});
