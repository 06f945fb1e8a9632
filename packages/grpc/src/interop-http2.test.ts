import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { nodeClock } from "@kvorum/base/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GrpcServer } from "./server.js";
import { echoMethods, type Harness, listen, startHarness } from "./testing/harness.js";
import { grpcMessage } from "./testing/raw-client.js";

/** Node's own HTTP/2 client (nghttp2), against this server. */

const HEADERS = { ":method": "POST", "content-type": "application/grpc", te: "trailers" };

interface Reply {
  readonly body: Buffer;
  readonly status: string | undefined;
}

function finish(stream: ClientHttp2Stream): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let status: string | undefined;
    const read = (headers: Record<string, unknown>): void => {
      if (headers["grpc-status"] !== undefined) status = String(headers["grpc-status"]);
    };
    stream.on("response", read);
    stream.on("trailers", read);
    stream.on("data", (part: Buffer) => parts.push(part));
    stream.on("error", reject);
    stream.on("close", () => resolve({ body: Buffer.concat(parts), status }));
  });
}

function call(session: ClientHttp2Session, method: string, message: Buffer): Promise<Reply> {
  const stream = session.request({ ...HEADERS, ":path": `/test.Echo/${method}` });
  stream.end(grpcMessage(message));
  return finish(stream);
}

describe("node:http2", () => {
  let harness: Harness;

  beforeAll(async () => {
    harness = await startHarness();
  });

  afterAll(() => harness.close());

  it.each<[name: string, settings: Record<string, number>]>([
    ["default settings", {}],
    ["no header table", { headerTableSize: 0 }],
    ["a small header table", { headerTableSize: 100 }],
    ["a small window", { initialWindowSize: 1000 }],
    ["large frames", { maxFrameSize: 1 << 20, initialWindowSize: 4 << 20 }],
  ])("with %s", async (_name, settings) => {
    const session = connect(`http://127.0.0.1:${harness.port}`, { settings });
    for (const size of [0, 10, 1_000, 100_000]) {
      const message = Buffer.alloc(size, 5);
      const reply = await call(session, "Unary", message);
      expect(reply.status).toBe("0");
      expect(reply.body.equals(grpcMessage(message))).toBe(true);
      expect((await call(session, "Fail", Buffer.from("no"))).status).toBe("11");
    }
    const replies = await Promise.all(
      Array.from({ length: 50 }, (_, i) => call(session, "Copy", Buffer.from(`${i}`))),
    );
    expect(replies.map((reply) => reply.body.toString("utf8", 5))).toEqual(
      Array.from({ length: 50 }, (_, i) => `${i}`),
    );
    session.close();
  });

  it("settings that change while streams are open", async () => {
    const session = connect(`http://127.0.0.1:${harness.port}`);
    const running = Promise.all(
      Array.from({ length: 10 }, () => call(session, "Download", Buffer.from("20,10000"))),
    );
    for (const initialWindowSize of [1_000, 200_000, 65_535]) {
      await new Promise<void>((resolve) =>
        session.settings({ initialWindowSize, headerTableSize: 200 }, () => resolve()),
      );
    }
    for (const reply of await running) {
      expect(reply.status).toBe("0");
      expect(reply.body.length).toBe(20 * 10_005);
    }
    session.close();
  });
});

describe("TLS with ALPN", () => {
  it("serves h2", async () => {
    const folder = mkdtempSync(join(tmpdir(), "kvorum-grpc-"));
    const key = join(folder, "key.pem");
    const cert = join(folder, "cert.pem");
    const args = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
    try {
      execFileSync(
        "openssl",
        [...args.split(" "), "-subj", "/CN=localhost", "-keyout", key, "-out", cert],
        { stdio: "ignore" },
      );
    } catch {
      console.log("skipped: no openssl command to make a certificate with");
      rmSync(folder, { recursive: true });
      return;
    }
    const grpc = new GrpcServer({
      methods: echoMethods(),
      clock: nodeClock,
      maxReceiveMessageBytes: 8 << 20,
    });
    const listener = createTlsServer(
      { key: readFileSync(key), cert: readFileSync(cert), ALPNProtocols: ["h2"] },
      (socket) => grpc.handle(socket),
    );
    const port = await listen(listener);
    const session = connect(`https://127.0.0.1:${port}`, {
      ca: readFileSync(cert),
      servername: "localhost",
    });
    for (const size of [10, 100_000, 4 << 20]) {
      const message = Buffer.alloc(size, 7);
      const reply = await call(session, "Unary", message);
      expect([reply.status, reply.body.equals(grpcMessage(message))]).toEqual(["0", true]);
    }
    const download = await call(session, "Download", Buffer.from("100,32768"));
    expect(download.body.length).toBe(100 * (32_768 + 5));
    await new Promise<void>((resolve) => session.close(() => resolve()));
    grpc.close();
    await new Promise((resolve) => listener.close(resolve));
    rmSync(folder, { recursive: true });
  });
});
