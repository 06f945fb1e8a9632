import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { nodeClock } from "@kvorum/base/node";
import { afterEach, describe, expect, it } from "vitest";
import { ClientListener } from "./client-listener.js";
import { createSocketHttp } from "./http/socket-http.js";
import { serverLimits } from "./limits.js";

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

async function listenerOf(): Promise<{ listener: ClientListener; port: number }> {
  const address = { host: "127.0.0.1", port: 0 };
  const listener = new ClientListener({ address, tls: undefined, clock: nodeClock });
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
