import { createServer } from "node:net";
import { nodeClock } from "@kvorum/base/node";
import { GrpcServer } from "@kvorum/grpc";
import { runClosedLoop } from "../load/closed-loop.js";
import type { Operation } from "../load/operation.js";
import { Tally } from "../load/tally.js";
import { ClientConnection } from "../wire/connection.js";
import type { Stage } from "./stage.js";

const CALLS = 20_000;
const STREAMS = 50;
const BODY = Buffer.alloc(280, 1);

/** The transport, client and server in one process: what an echo of 280 bytes costs both. */
export const GRPC_STAGE: Stage = {
  name: "grpc",
  isPerEngine: false,
  async open() {
    const server = new GrpcServer({
      ...{ clock: nodeClock, maxReceiveMessageBytes: 1 << 20 },
      methods: new Map([
        ["/bench/Echo", { kind: "unary", handle: (call, message) => call.respond(message) }],
      ]),
    });
    const listener = createServer((socket) => server.handle(socket));
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
    const address = listener.address();
    if (typeof address !== "object" || address === null) throw new Error("no port was bound");
    const connection = await ClientConnection.connect({
      endpoint: `127.0.0.1:${address.port}`,
      nowMs: nodeClock.nowMs,
    });
    return {
      cases: [
        { name: "echo, 50 at a time", operations: CALLS, run: () => echo(connection, STREAMS) },
        { name: "echo, one at a time", operations: CALLS / 10, run: () => echo(connection, 1) },
      ],
      async close() {
        connection.close();
        await new Promise<void>((resolve) => listener.close(() => resolve()));
      },
    };
  },
};

const OPERATION: Operation = {
  path: "/bench/Echo",
  requestBytesMax: BODY.length,
  makesRevision: false,
  write: (into, at) => at + BODY.copy(into, at),
  check: (_bytes, start, end) => (end - start === BODY.length ? undefined : "a wrong echo"),
};

async function echo(connection: ClientConnection, streams: number): Promise<void> {
  const tally = new Tally(1000);
  let left = (streams === 1 ? CALLS / 10 : CALLS) - streams;
  await runClosedLoop({
    ...{ connections: [connection], streams, choose: () => OPERATION, tally },
    goesOn: () => left-- > 0,
  });
  if (tally.errorCount > 0) throw new Error([...tally.errors.keys()].join(", "));
}
