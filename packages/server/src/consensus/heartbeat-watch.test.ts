import { SimulatedClock } from "@kvorum/base";
import { type Message, MessageType } from "@kvorum/raft";
import { expect, test } from "vitest";
import { HeartbeatWatch } from "./heartbeat-watch.js";

const INTERVAL_MS = 100;

function heartbeat(to: bigint): Message {
  return { type: MessageType.Heartbeat, to } as Message;
}

test("a heartbeat is late when more than two intervals lie before it", () => {
  const clock = new SimulatedClock();
  const late: [bigint, number][] = [];
  const watch = new HeartbeatWatch({
    clock,
    heartbeatIntervalMs: INTERVAL_MS,
    onLate: (to, exceededMs) => late.push([to, exceededMs]),
  });
  watch.sending([heartbeat(2n), heartbeat(3n)]);
  clock.advance(200);
  watch.sending([heartbeat(2n)]);
  expect(late).toEqual([]);
  clock.advance(50);
  watch.sending([heartbeat(2n), heartbeat(3n), { type: MessageType.App, to: 4n } as Message]);
  expect(late).toEqual([[3n, 50]]);
  expect(watch.late).toBe(1);
  clock.advance(10_000);
  watch.reset();
  watch.sending([heartbeat(2n), heartbeat(3n)]);
  expect(watch.late).toBe(1);
});
