import type { CallConnection } from "../wire/call.js";
import type { ClientConnection } from "../wire/connection.js";
import type { Operation } from "./operation.js";
import type { Tally } from "./tally.js";
import { UnaryCall } from "./unary-call.js";

export interface ClosedLoopOptions {
  readonly connections: readonly ClientConnection[];
  /** Calls under way on each connection at any time. */
  readonly streams: number;
  /** The operation of the next call. */
  readonly choose: () => Operation;
  readonly tally: Tally;
  /** Asked before each call: false once the load is over. */
  readonly goesOn: () => boolean;
}

/**
 * Closed loop: each stream starts its next call when its last one has ended, so the load adapts to
 * the server, and its rate is what the server can do. A call starts when the reply before it
 * arrived. Resolves once the last call has ended.
 */
export function runClosedLoop(options: ClosedLoopOptions): Promise<void> {
  const { connections, streams, choose, tally, goesOn } = options;
  return new Promise((resolve) => {
    let open = connections.length * streams;
    const finish = (): void => {
      open--;
      if (open === 0) resolve();
    };
    const onDone = (
      call: UnaryCall,
      connection: CallConnection,
      fault: string | undefined,
    ): void => {
      const nowMs = connection.arrivedMs;
      if (fault !== undefined) tally.error(fault);
      else {
        tally.success(call.startedMs, nowMs);
        if (call.operation.makesRevision) tally.revision(call.revision);
      }
      if (connection.closedBecause !== undefined || !goesOn()) {
        finish();
        return;
      }
      call.startedMs = nowMs;
      call.operation = choose();
      connection.start(call);
    };
    for (const connection of connections) {
      for (let i = 0; i < streams; i++) {
        const call = new UnaryCall(choose(), onDone);
        call.startedMs = performance.now();
        connection.start(call);
      }
      connection.flush();
    }
  });
}
