import { etcdserverpb } from "@kvorum/api";
import { nodeClock } from "@kvorum/base/node";
import type { LoadOptions } from "../load/load-options.js";
import { type LoadResult, resultOf } from "../load/load-result.js";
import { headerRevision, ProtoScan } from "../load/proto-scan.js";
import { connectAll, SLICE_MS } from "../load/session.js";
import { Tally } from "../load/tally.js";
import type { Call, CallConnection } from "../wire/call.js";
import { RpcClient } from "./rpc-client.js";
import type { Workload } from "./workload.js";

const LEASES = 1000;
const TTL_SECONDS = 3600;

/** Clients that keep a lease alive, each on a stream of its own, one request after another. */
export const LEASE_KEEPALIVE: Workload = {
  name: "lease-keepalive",
  title: `keepalive of ${LEASES} leases, a stream each`,
  needsFill: false,
  run: ({ load }) => runKeepAlive(load),
};

async function runKeepAlive(load: LoadOptions): Promise<LoadResult> {
  const connections = await connectAll(load);
  const tally = new Tally(SLICE_MS);
  try {
    const clients = connections.map((connection) => new RpcClient(connection));
    const granted = Array.from({ length: LEASES }, (_, i) =>
      clients[i % clients.length]!.grantLease(TTL_SECONDS),
    );
    const leases = await Promise.all(granted);
    const startMs = nodeClock.nowMs() + load.warmupSeconds * 1000;
    const endMs = startMs + load.seconds * 1000;
    tally.measure(startMs, endMs);
    const calls = leases.map((lease) => new KeepAliveCall(lease, tally));
    calls.forEach((call, i) => {
      call.startedMs = nodeClock.nowMs();
      connections[i % connections.length]!.start(call);
    });
    for (const connection of connections) connection.flush();
    await new Promise<void>((resolve) => nodeClock.after(endMs - nodeClock.nowMs(), resolve));
    for (const connection of connections) connection.close();
    return resultOf(tally, { seconds: load.seconds, untilMs: endMs });
  } finally {
    for (const connection of connections) connection.close();
  }
}

/** `LeaseKeepAliveResponse { header = 1, ID = 2, TTL = 3 }`; a TTL of 0 means that it is gone. */
class KeepAliveCall implements Call {
  readonly path = "/etcdserverpb.Lease/LeaseKeepAlive";
  readonly keepsOpen = true;
  streamId = 0;
  startedMs = 0;
  readonly #request: Buffer;
  readonly #tally: Tally;
  readonly #scan = new ProtoScan();

  constructor(lease: bigint, tally: Tally) {
    const { LeaseKeepAliveRequest } = etcdserverpb;
    this.#request = Buffer.from(LeaseKeepAliveRequest.encode({ ID: lease }).finish());
    this.#tally = tally;
  }

  get requestBytesMax(): number {
    return this.#request.length;
  }

  write(into: Buffer, at: number): number {
    return at + this.#request.copy(into, at);
  }

  onMessage(bytes: Buffer, start: number, end: number, connection: CallConnection): void {
    let ttl = 0;
    this.#scan.reset(bytes, start, end);
    while (this.#scan.next()) if (this.#scan.field === 3) ttl = this.#scan.varint;
    if (ttl < 1) this.#tally.error("a lease was gone");
    else if (headerRevision(bytes, start, end) < 1) this.#tally.error("no header with a revision");
    else this.#tally.success(this.startedMs, connection.arrivedMs);
    this.startedMs = connection.arrivedMs;
    connection.send(this, this.#request);
  }

  onEnd(status: number, message: string): void {
    this.#tally.error(`a keepalive stream ended with status ${status}: ${message}`);
  }
}
