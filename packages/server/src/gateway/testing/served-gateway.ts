import { createServer, type IncomingHttpHeaders, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { assert } from "@kvorum/base";
import { nodeClock } from "@kvorum/base/node";
import type { CallObserver, Method } from "@kvorum/grpc";
import { JsonGateway, type JsonGatewayOptions } from "../json-gateway.js";

export type Handle = Extract<Method, { kind: "unary" }>["handle"];
export type Open = Extract<Method, { kind: "stream" }>["open"];

export const RANGE = "/etcdserverpb.KV/Range";
export const WATCH = "/etcdserverpb.Watch/Watch";
export const SNAPSHOT = "/etcdserverpb.Maintenance/Snapshot";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** What observers were told since the last `serve`: path and status of each call that ended. */
export const ended: [path: string, code: number][] = [];
const observer: CallObserver = {
  ended: (call, code) => ended.push([call.path, code]),
  received: () => {},
  sent: () => {},
};

let server: Server | undefined;

/** Serves a gateway over HTTP/1.1; for one test at a time. */
export async function serve(
  methods: Record<string, { unary: Handle } | { stream: Open }>,
  options: Partial<JsonGatewayOptions> = {},
): Promise<JsonGateway> {
  ended.length = 0;
  const table = Object.entries(methods).map(([path, given]): [string, Method] => [
    path,
    "unary" in given
      ? { kind: "unary", handle: given.unary, observer }
      : { kind: "stream", open: given.stream, observer },
  ]);
  const gateway = new JsonGateway({
    ...{ methods: new Map(table), clock: nodeClock, messageBytesMax: 1000 },
    ...options,
  });
  const listening = createServer(gateway.pages);
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  return gateway;
}

export function stopServing(): void {
  server?.closeAllConnections();
  server?.close();
}

/** A request whose body the test writes to `sent`; `parts` grows with what comes back. */
export function begin(path: string, headers: Record<string, string> = {}, method = "POST") {
  assert(server !== undefined, "serve comes first");
  const { port } = server.address() as AddressInfo;
  const sent = request({ host: "127.0.0.1", port, path, method, headers });
  const parts: string[] = [];
  const answer = new Promise<Answer>((resolve, reject) => {
    sent.on("error", reject).on("response", (response) => {
      response.setEncoding("utf8").on("data", (part: string) => parts.push(part));
      response.on("end", () => {
        const { statusCode: status = 0, headers: fields } = response;
        resolve({ status, headers: fields, body: parts.join("") });
      });
    });
  });
  return { sent, answer, parts };
}

export async function ask(
  path: string,
  body: string | Buffer,
  headers: Record<string, string> = {},
  method = "POST",
): Promise<Answer> {
  const { sent, answer } = begin(path, headers, method);
  sent.end(body);
  return answer;
}
