import type { Clock } from "@kvorum/base";
import type { CallConnection } from "../wire/call.js";
import type { ClientConnection } from "../wire/connection.js";
import type { Operation } from "./operation.js";
import { Pace } from "./pace.js";
import type { Tally } from "./tally.js";
import { UnaryCall } from "./unary-call.js";

/** Width of a group of calls: what Node's timers can keep. */
const QUANTUM_MS = 1;

export interface OpenLoopOptions {
  readonly connections: readonly ClientConnection[];
  readonly ratePerSecond: number;
  readonly choose: () => Operation;
  readonly tally: Tally;
  readonly clock: Clock;
  /** Calls under way at most; further ones wait, and their waiting counts as latency. */
  readonly openCallsMax: number;
  /** Asked at each start of a group: false once the load is over. */
  readonly goesOn: () => boolean;
}

/**
 * Open loop: calls start at a fixed rate whether or not the server keeps up, as the requests of
 * many independent clients do. Latencies count from the intended start, so a pause of the server
 * shows in every call that should have run meanwhile (no coordinated omission).
 * Resolves once the last call has ended.
 */
export function runOpenLoop(options: OpenLoopOptions): Promise<void> {
  const { connections, choose, tally, clock } = options;
  const { ratePerSecond } = options;
  const pace = new Pace({ startMs: clock.nowMs(), ratePerSecond, quantumMs: QUANTUM_MS });
  const idle: UnaryCall[] = [];
  let open = 0;
  let turn = 0;
  return new Promise((resolve) => {
    const onDone = (
      call: UnaryCall,
      connection: CallConnection,
      fault: string | undefined,
    ): void => {
      open--;
      idle.push(call);
      if (fault !== undefined) tally.error(fault);
      else {
        tally.success(call.startedMs, connection.arrivedMs);
        if (call.operation.makesRevision) tally.revision(call.revision);
      }
      if (open === 0 && !options.goesOn()) resolve();
    };
    const startDue = (): void => {
      if (!options.goesOn() || connections.every((c) => c.closedBecause !== undefined)) {
        if (open === 0) resolve();
        return;
      }
      const due = Math.min(pace.due(clock.nowMs()), options.openCallsMax - open);
      for (let i = 0; i < due; i++) {
        const call = idle.pop() ?? new UnaryCall(choose(), onDone);
        call.operation = choose();
        call.startedMs = pace.take();
        open++;
        connections[turn++ % connections.length]!.start(call);
      }
      if (due > 0) for (const connection of connections) connection.flush();
      clock.after(QUANTUM_MS, startDue);
    };
    startDue();
  });
}
