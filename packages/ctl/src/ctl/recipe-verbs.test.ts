import { Client } from "@kvorum/client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestNode, type TestNode } from "../test-node.js";
import { memorySink, type Ran, type RunOptions, run } from "../test-support.js";
import { kvorumctl } from "./kvorumctl-tool.js";

/** The verbs that wait and hold: lock and elect. */

let node: TestNode;
let client: Client;

beforeAll(async () => {
  node = await startTestNode();
  client = new Client({ endpoints: [node.endpoint] });
});
afterAll(async () => {
  client?.close();
  await node?.stop();
});

function ctl(words: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return run(kvorumctl, [`--endpoints=${node.endpoint}`, ...words], options);
}

/** Resolves when so many stand in the queue. */
async function queued(name: string, count: number): Promise<void> {
  const read = async () => (await client.kv.get(`${name}/`, { prefix: true })).count;
  await expect.poll(read, { timeout: 20_000 }).toBe(count);
}

/** A command under way. */
class Running {
  readonly ended: Promise<Ran>;
  readonly #stdout = memorySink();
  readonly #interrupted = new AbortController();

  constructor(...words: string[]) {
    this.ended = ctl(words, { stdout: this.#stdout, interrupted: this.#interrupted.signal });
  }

  /** Resolves when this is what it has printed. */
  async printed(text: string): Promise<void> {
    await expect.poll(() => this.#stdout.bytes().toString(), { timeout: 20_000 }).toBe(text);
  }

  interrupt(): Promise<Ran> {
    this.#interrupted.abort();
    return this.ended;
  }
}

const env = { PATH: process.env.PATH ?? "" };

test("lock runs a command while it holds the lock, and ends as that does", async () => {
  const held = await client.lock("command");
  const script = 'echo "$ETCD_LOCK_KEY" "$ETCD_LOCK_REV"; echo why >&2; exit 7';
  const running = ctl(["lock", "command", "--ttl=5", "--", "sh", "-c", script], { env });
  await queued("command", 2);
  await held.unlock();
  const ran = await running;
  expect(ran).toMatchObject({ code: 7, err: "why\nError: exit status 7\n" });
  expect(ran.out).toMatch(/^command\/[0-9a-f]+ \d+\n$/);
  await queued("command", 0);
  expect(await ctl(["lock", "command", "true"], { env })).toMatchObject({ code: 0, err: "" });
  expect(await ctl(["lock", "command", "no-such-command"], { env })).toMatchObject({
    code: 1,
    err: 'Error: exec: "no-such-command": executable file not found in $PATH\n',
  });
  await queued("command", 0);
});

test("lock without a command holds until it is interrupted, or its lease is lost", async () => {
  const first = new Running("lock", "held");
  await queued("held", 1);
  const { kvs } = await client.kv.get("held/", { prefix: true });
  await first.printed(`${kvs[0]!.key}\n\n`);
  const waiting = new Running("lock", "held");
  await queued("held", 2);
  const canceled = { code: 1, out: "", err: "Error: context canceled\n" };
  expect(await waiting.interrupt()).toMatchObject(canceled);
  await queued("held", 1);
  expect(await first.interrupt()).toMatchObject({ code: 0, err: "" });
  await queued("held", 0);

  const losing = new Running("lock", "held", "--ttl=2");
  await queued("held", 1);
  const [own] = (await client.kv.get("held/", { prefix: true })).kvs;
  await losing.printed(`${own!.key}\n\n`);
  await client.lease.revoke(own!.lease);
  expect(await losing.ended).toMatchObject({ code: 1, err: "Error: session expired\n" });
  expect(await ctl(["lock"])).toMatchObject({
    code: 128,
    err: "Error: lock takes a lock name argument and an optional command to execute\n",
  });
});

test("elect leads until it is interrupted, and elect --listen prints each leader", async () => {
  const first = await client.election("board").campaign("first");
  const listening = new Running("elect", "-l", "board");
  await listening.printed(`${first.key}\nfirst\n`);
  const leading = new Running("elect", "board", "second");
  await queued("board", 2);
  await first.resign();
  await queued("board", 1);
  const { kvs } = await client.kv.get("board/", { prefix: true });
  const second = `${kvs[0]!.key}\nsecond\n`;
  await leading.printed(second);
  await listening.printed(`${first.key}\nfirst\n${second}`);
  expect(await leading.interrupt()).toMatchObject({ code: 0, err: "" });
  await queued("board", 0);
  expect(await listening.interrupt()).toMatchObject({ code: 0, err: "" });
});

test.each([
  [[], "elect takes one election name argument and an optional proposal argument"],
  [["a"], "no proposal argument but -l not set"],
  [["a", "b", "-l"], "proposal given but -l is set"],
])("elect %j is refused", async (words, text) => {
  expect(await ctl(["elect", ...words])).toMatchObject({ code: 128, err: `Error: ${text}\n` });
});
