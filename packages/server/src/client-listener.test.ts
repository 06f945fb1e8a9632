import { connect as connectHttp2, type IncomingHttpHeaders } from "node:http2";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { nodeClock } from "@kvorum/base/node";
import { GrpcServer } from "@kvorum/grpc";
import { afterEach, describe, expect, it } from "vitest";
import { ClientListener } from "./client-listener.js";
import type { Pages } from "./http/page.js";
import { createSocketHttp } from "./http/socket-http.js";
import { serverLimits } from "./limits.js";
import { recordingLogger } from "./observe/testing/recording-logger.js";
import { createServerTls, type ServerTls } from "./tls/server-tls.js";
import { SERVER_TLS, testAuthority } from "./tls/testing/test-tls.js";

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

async function listenerOf(
  tls?: ServerTls,
  options: { plainToo?: boolean } = {},
): Promise<{ listener: ClientListener; port: number }> {
  const address = { host: "127.0.0.1", port: 0 };
  const listener = new ClientListener({ address, tls, clock: nodeClock, ...options });
  await listener.listen();
  ends.push(() => listener.close());
  return { listener, port: Number(listener.address.split(":")[1]) };
}

/** What a connection says until it ends. */
function converse(port: number, text: string): { socket: Socket; answer: Promise<string> } {
  const socket = connect(port, "127.0.0.1", () => socket.write(text));
  ends.push(() => socket.destroy());
  const answer = new Promise<string>((resolve) => {
    let said = "";
    socket.on("data", (bytes) => {
      said += bytes.toString("latin1");
    });
    socket.on("error", () => {});
    socket.once("close", () => resolve(said));
  });
  return { socket, answer };
}

const GET = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

describe("a port for clients", () => {
  it("serves connections that came early", async () => {
    const { listener, port } = await listenerOf();
    const early = converse(port, GET);
    await new Promise<void>((resolve) => early.socket.once("connect", () => resolve()));
    listener.serve({ grpc: undefined, http: (_request, response) => response.end("pages") });
    expect(await early.answer).toMatch(/^HTTP\/1\.1 200 .*pages/s);
  });

  it("closes connections that come early beyond the bound", async () => {
    const { listener, port } = await listenerOf();
    const { earlyConnectionsMax } = serverLimits;
    const early = Array.from({ length: earlyConnectionsMax }, () => converse(port, GET));
    await Promise.all(
      early.map(({ socket }) => new Promise((resolve) => socket.once("connect", resolve))),
    );
    expect(await converse(port, GET).answer).toBe("");
    listener.serve({ grpc: undefined, http: (_request, response) => response.end("pages") });
    const answers = await Promise.all(early.map(({ answer }) => answer));
    expect(answers.filter((answer) => answer.includes("pages"))).toHaveLength(earlyConnectionsMax);
  });

  it("ends idle HTTP connections when it accepts no more", async () => {
    const { listener, port } = await listenerOf();
    listener.serve({ grpc: undefined, http: (_request, response) => response.end("pages") });
    const kept = converse(port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await new Promise((resolve) => kept.socket.once("data", resolve));
    listener.stopAccepting();
    expect(await kept.answer).toContain("Connection: keep-alive");
  });
});

it("ends a connection whose request has no end", async () => {
  const options = { headersTimeout: 50, requestTimeout: 100, connectionsCheckingInterval: 20 };
  const http = createSocketHttp((_request, response) => response.end("pages"), options);
  const server = createServer((socket) => http.emit("connection", socket));
  ends.push(() => http.close());
  ends.push(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  expect(await converse(port, "GET / HTTP/1.1\r\nHost: a").answer).toMatch(/^HTTP\/1\.1 408 /);
});

describe("HTTP/2 on a port for clients", () => {
  const pages: Pages = (request, response) => {
    response.setHeader("Access-Control-Allow-Origin", request.headers.origin ?? "none");
    const body = `${request.method} ${request.url} at ${request.headers.host}`;
    response.writeHead(203, { "Content-Type": "text/plain", "Content-Length": body.length });
    response.end(body);
  };
  const noMethods = () =>
    new GrpcServer({ methods: new Map(), clock: nodeClock, maxReceiveMessageBytes: 100 });

  it("serves pages over TLS, beside gRPC and without it", async () => {
    for (const grpc of [noMethods(), undefined]) {
      const { listener, port } = await listenerOf(testTls());
      listener.serve({ grpc, http: pages });
      const url = `https://127.0.0.1:${port}`;
      const page = await ask(url, { ":path": "/health?a=b", origin: "there" });
      expect(page.headers).toMatchObject({
        ":status": 203,
        "content-type": "text/plain",
        "access-control-allow-origin": "there",
      });
      expect(Date.parse(String(page.headers.date))).toBeGreaterThan(0);
      expect(page.body).toBe(`GET /health?a=b at 127.0.0.1:${port}`);
      const head = await ask(url, { ":path": "/health", ":method": "HEAD" });
      const length = `HEAD /health at 127.0.0.1:${port}`.length;
      expect(head.headers).toMatchObject({ ":status": 203, "content-length": String(length) });
      expect(head.body).toBe("");
      const call = { ":path": "/a.B/C", ":method": "POST", "content-type": "application/grpc" };
      expect((await ask(url, call)).headers["grpc-status"]).toBe("12");
    }
  });

  it("keeps pages off a port for gRPC alone, and off connections without TLS", async () => {
    const secure = await listenerOf(testTls());
    secure.listener.serve({ grpc: noMethods(), http: undefined });
    const plain = await listenerOf();
    plain.listener.serve({ grpc: noMethods(), http: pages });
    for (const url of [`https://127.0.0.1:${secure.port}`, `http://127.0.0.1:${plain.port}`]) {
      expect((await ask(url, { ":path": "/health" })).headers[":status"]).toBe(415);
    }
    const pagesOnly = await listenerOf();
    pagesOnly.listener.serve({ grpc: undefined, http: pages });
    const url = `http://127.0.0.1:${pagesOnly.port}`;
    expect((await ask(url, { ":path": "/health" })).headers).toEqual({});
  });

  it("comes over TLS or HTTP/1.1 without it, where a port serves both", async () => {
    const { listener, port } = await listenerOf(testTls(), { plainToo: true });
    const early = ask(`https://127.0.0.1:${port}`, { ":path": "/early" });
    await new Promise((resolve) => setImmediate(resolve));
    listener.serve({ grpc: noMethods(), http: pages });
    expect((await early).body).toBe(`GET /early at 127.0.0.1:${port}`);
    expect(await converse(port, GET).answer).toMatch(/^HTTP\/1\.1 203 .*GET \/ at a/s);
    expect((await ask(`https://127.0.0.1:${port}`, { ":path": "/" })).headers[":status"]).toBe(203);
    expect((await ask(`http://127.0.0.1:${port}`, { ":path": "/" })).headers[":status"]).toBe(415);
    const held = connectHttp2(`https://127.0.0.1:${port}`, { ca: testAuthority() });
    ends.push(() => held.destroy());
    held.on("error", () => {});
    await new Promise((resolve) => held.once("remoteSettings", resolve));
    const ended = new Promise((resolve) => held.once("close", resolve));
    listener.close();
    await ended;
  });

  it("gives pages the bodies of requests, and takes answers in parts, over HTTP/2", async () => {
    const { listener, port } = await listenerOf(testTls());
    let closed = () => {};
    const isClosed = new Promise<void>((resolve) => {
      closed = resolve;
    });
    const echo: Pages = (request, response) => {
      if (request.url === "/endless") {
        response.on("close", closed);
        response.writeHead(200, {});
        response.write("begun");
        return;
      }
      response.writeHead(200, { "X-Of": String(request.headers["x-of"]) });
      request.on("data", (chunk) => response.write(`<${chunk}>`));
      request.on("end", () => response.end("end"));
    };
    listener.serve({ grpc: noMethods(), http: echo });
    const url = `https://127.0.0.1:${port}`;
    const fields = { ":method": "POST", ":path": "/", "x-of": "1" };
    const answer = await ask(url, fields, "body");
    expect(answer).toMatchObject({ headers: { ":status": 200, "x-of": "1" }, body: "<body>end" });
    expect((await ask(url, fields)).body).toBe("end");
    const session = connectHttp2(url, { ca: testAuthority() });
    ends.push(() => session.destroy());
    const stream = session.request({ ":path": "/endless" });
    stream.on("error", () => {});
    stream.once("data", () => stream.close(8));
    await isClosed;
  });

  it("ends a connection that was in its handshake when the port was closed", async () => {
    const { listener, port } = await listenerOf(testTls());
    listener.serve({ grpc: noMethods(), http: pages });
    const raw = connect(port, "127.0.0.1");
    ends.push(() => raw.destroy());
    await new Promise((resolve) => raw.once("connect", resolve));
    // Once another connection was served, this one has been accepted, too.
    await ask(`https://127.0.0.1:${port}`, { ":path": "/" });
    listener.close();
    const secure = connectTls({ socket: raw, ca: testAuthority(), servername: "localhost" });
    let said = "";
    secure.on("data", (bytes) => {
      said += String(bytes);
    });
    secure.on("error", () => {});
    secure.once("secureConnect", () => secure.write(GET));
    await new Promise((resolve) => secure.once("close", resolve));
    expect(said).toBe("");
  });

  it("closes a handshake on a port without TLS", async () => {
    const { listener, port } = await listenerOf();
    listener.serve({ grpc: noMethods(), http: pages });
    await expect(ask(`https://127.0.0.1:${port}`, { ":path": "/" })).rejects.toThrow();
  });

  it("ends idle connections for pages alone when it accepts no more", async () => {
    const { listener, port } = await listenerOf(testTls());
    listener.serve({ grpc: undefined, http: pages });
    const session = connectHttp2(`https://127.0.0.1:${port}`, { ca: testAuthority() });
    ends.push(() => session.destroy());
    await new Promise((resolve) => session.once("remoteSettings", resolve));
    const closed = new Promise((resolve) => session.once("close", resolve));
    listener.stopAccepting();
    await closed;
  });
});

function testTls(): ServerTls {
  return createServerTls({ endpoint: "client", logger: recordingLogger(), config: SERVER_TLS });
}

/** One request of node:http2 on a connection of its own. */
function ask(
  url: string,
  headers: Readonly<Record<string, string>>,
  requestBody?: string,
): Promise<{ headers: IncomingHttpHeaders & { ":status"?: number }; body: string }> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(url, { ca: testAuthority() });
    ends.push(() => session.destroy());
    session.on("error", reject);
    const stream = session.request(headers, { endStream: requestBody === undefined });
    if (requestBody !== undefined) stream.end(requestBody);
    let answered = {};
    let body = "";
    stream.on("response", (given) => {
      answered = given;
    });
    stream.on("data", (bytes) => {
      body += String(bytes);
    });
    stream.on("error", reject);
    stream.on("close", () => {
      session.close();
      resolve({ headers: answered, body });
    });
  });
}
