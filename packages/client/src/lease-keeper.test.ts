import { etcdserverpb } from "@kvorum/api";
import { SimulatedClock } from "@kvorum/base";
import { afterEach, expect, test } from "vitest";
import { Client } from "./client.js";
import { breakStream, headerAt, startFakeServer } from "./test-support.js";

const { LeaseKeepAliveResponse } = etcdserverpb;
const closers: (() => void)[] = [];

afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A server that renews with the TTLs given, in turn, breaks the stream at "break", or is silent. */
async function leaseServer(answers: readonly (number | "break" | "silence")[]): Promise<string> {
  let asked = 0;
  const { endpoint, stop } = await startFakeServer({
    leaseKeepAlive: (stream) => {
      stream.on("error", () => undefined);
      stream.on("data", ({ ID }: etcdserverpb.LeaseKeepAliveRequest) => {
        const answer = answers[Math.min(asked++, answers.length - 1)]!;
        if (answer === "break") breakStream(stream);
        else if (answer !== "silence")
          stream.write(LeaseKeepAliveResponse.create({ header: headerAt(1), ID, TTL: answer }));
      });
    },
  });
  closers.push(stop);
  return endpoint;
}

function client(endpoint: string, clock?: SimulatedClock): Client {
  const made = new Client({ endpoints: [endpoint], ...(clock === undefined ? {} : { clock }) });
  closers.push(() => made.close());
  return made;
}

test("a lease is renewed at a third of its TTL until the server says it is gone", async () => {
  const clock = new SimulatedClock();
  const { lease } = client(await leaseServer([9, 9, 0]), clock);
  const renewals = lease.keepAlive(5n)[Symbol.asyncIterator]();
  expect((await renewals.next()).value).toMatchObject({ ID: 5n, TTL: 9 });
  clock.advance(2_999);
  const second = renewals.next();
  clock.advance(1);
  expect((await second).value).toMatchObject({ TTL: 9 });
  clock.advance(3_000);
  expect((await renewals.next()).done).toBe(true);
});

test("a broken stream is opened again", async () => {
  const { lease } = client(await leaseServer(["break", 60]));
  for await (const response of lease.keepAlive(5n)) {
    expect(response.TTL).toBe(60);
    break;
  }
});

test("a lease is lost when no renewal was answered within its TTL", async () => {
  const clock = new SimulatedClock();
  const { lease } = client(await leaseServer([9, "silence"]), clock);
  const kept = lease.keepAlive(5n);
  await kept[Symbol.asyncIterator]().next();
  let isOver = false;
  void kept.ended.then(() => {
    isOver = true;
  });
  clock.advance(3_000);
  clock.advance(5_999);
  await Promise.resolve();
  expect(isOver).toBe(false);
  clock.advance(1);
  expect(await kept.ended).toBeUndefined();
});

test("one renewal of a lease that is gone fails with etcd's text", async () => {
  const { lease } = client(await leaseServer([0]));
  await expect(lease.keepAliveOnce(5n)).rejects.toMatchObject({
    code: "NOT_FOUND",
    message: "etcdserver: requested lease not found",
  });
});

test("stopping ends the iteration and the stream", async () => {
  const { lease } = client(await leaseServer([60]));
  const kept = lease.keepAlive(5n);
  for await (const response of kept) {
    expect(response.TTL).toBe(60);
    kept.stop();
  }
  expect(await kept.ended).toBeUndefined();
});

test("each who keeps a lease alive hears of it, and it goes on until the last of them stops", async () => {
  const clock = new SimulatedClock();
  const { lease } = client(await leaseServer([9]), clock);
  const first = lease.keepAlive(5n);
  const second = lease.keepAlive(5n);
  const renewals = second[Symbol.asyncIterator]();
  for (const each of [first[Symbol.asyncIterator](), renewals]) {
    expect((await each.next()).value).toMatchObject({ ID: 5n, TTL: 9 });
  }
  first.stop();
  await expect(first.ended).resolves.toBeUndefined();
  const next = renewals.next();
  clock.advance(3_000);
  expect((await next).value).toMatchObject({ TTL: 9 });
});

test("a renewal that is not answered fails when the client is closed", async () => {
  const made = client(await leaseServer(["silence"]));
  const once = made.lease.keepAliveOnce(5n);
  await new Promise((resolve) => setTimeout(resolve, 50));
  made.close();
  await expect(once).rejects.toMatchObject({ code: "CLOSED" });
});
