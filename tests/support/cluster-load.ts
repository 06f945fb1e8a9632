import { etcdserverpb } from "@kvorum/api";
import type { Prng } from "@kvorum/base";
import type { TestCluster } from "./cluster.js";
import type { ClusterMember } from "./cluster-member.js";
import type { HistoryEntry, RegisterOperation, RegisterValue } from "./linearizability.js";
import { kv, put, range } from "./rpc.js";

const CLIENTS = 10;
/** Few, so that clients meet on them. */
const KEYS = 8;
/** Short, so that a client leaves a silent member soon. */
const DEADLINE_MS = 1_500;
const PAUSE_AFTER_ERROR_MS = 20;
/** Of so many requests one goes to any member. */
const VISIT_EVERY = 30;

export interface LoadOptions {
  readonly cluster: TestCluster;
  readonly prng: Prng;
  /** Before every key; nobody else writes below it. */
  readonly prefix: string;
}

/**
 * Clients that read, write and compare-and-swap a few keys of a cluster through all its members,
 * one request at a time each, and record what they saw. Every value is written once.
 */
export class RecordedLoad {
  readonly history: HistoryEntry[] = [];
  /** Revisions of acknowledged writes, each of which must be its own. */
  readonly #revisions = new Map<number, string>();
  readonly #options: LoadOptions;
  readonly #clients: Promise<void>[];
  #count = 0;
  #isStopped = false;
  acknowledged = 0;
  unknown = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#clients = Array.from({ length: CLIENTS }, (_, client) => this.#run(client));
  }

  get keys(): readonly string[] {
    return Array.from({ length: KEYS }, (_, i) => `${this.#options.prefix}${i}`);
  }

  /** Resolves once this many more writes are acknowledged. */
  async progress(writes: number, withinMs: number): Promise<void> {
    const goal = this.acknowledged + writes;
    const deadline = Date.now() + withinMs;
    while (this.acknowledged < goal) {
      if (Date.now() > deadline) {
        const missing = goal - this.acknowledged;
        throw new Error(`${missing} of ${writes} writes were not made within ${withinMs} ms`);
      }
      await sleep(10);
    }
  }

  /** Ends the clients, then reads every key through every member that runs. */
  async finish(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#clients);
    const members = this.#options.cluster.running();
    for (const [i, member] of members.entries()) {
      await Promise.all(
        this.keys.map((key) =>
          this.#record(CLIENTS + i, key, async () => ({
            kind: "read",
            value: await readValue(member, key, 10_000),
          })),
        ),
      );
    }
  }

  /** Stops without a last look. */
  abandon(): void {
    this.#isStopped = true;
  }

  async #run(client: number): Promise<void> {
    const { cluster, prng } = this.#options;
    let place = client;
    const seen = new Map<string, RegisterValue>();
    while (!this.#isStopped) {
      const members = cluster.running();
      // Mostly one member as long as it answers, and every member now and then, harmed or not.
      const isVisit = prng.below(VISIT_EVERY) === 0;
      const at = isVisit ? prng.below(Math.max(1, members.length)) : place;
      const member = members[at % Math.max(1, members.length)];
      const key = this.keys[prng.below(KEYS)]!;
      const isAnswered = member !== undefined && (await this.#ask(client, member, key, seen));
      if (isAnswered) continue;
      if (!isVisit) place++;
      await sleep(PAUSE_AFTER_ERROR_MS);
    }
  }

  /** @returns whether there was an answer */
  async #ask(
    client: number,
    member: ClusterMember,
    key: string,
    seen: Map<string, RegisterValue>,
  ): Promise<boolean> {
    const draw = this.#options.prng.below(100);
    const stamp = `${client}-${this.#count++}`;
    if (draw < 30) {
      return await this.#record(client, key, async () => {
        const value = await readValue(member, key, DEADLINE_MS);
        seen.set(key, value);
        return { kind: "read", value };
      });
    }
    if (draw < 65) {
      const operation = { kind: "write", value: stamp } as const;
      return await this.#record(client, key, () => this.#write(member, key, stamp), operation);
    }
    const expected = seen.get(key);
    const operation = { kind: "swap", expected, value: stamp, swapped: undefined } as const;
    return await this.#record(
      client,
      key,
      async () => {
        const outcome = await this.#swap(member, key, operation);
        if (outcome.kind === "read") seen.set(key, outcome.value);
        return outcome;
      },
      operation,
    );
  }

  /** @param attempted what may have happened when `send` fails; nothing for a read */
  async #record(
    client: number,
    key: string,
    send: () => Promise<RegisterOperation>,
    attempted?: RegisterOperation,
  ): Promise<boolean> {
    const calledAt = performance.now();
    try {
      const operation = await send();
      this.history.push({ key, client, operation, calledAt, returnedAt: performance.now() });
      return true;
    } catch (error) {
      if (typeof (error as { code?: unknown }).code !== "number") throw error;
      if (attempted === undefined) return false;
      this.unknown++;
      const returnedAt = Number.POSITIVE_INFINITY;
      this.history.push({ key, client, operation: attempted, calledAt, returnedAt });
      return false;
    }
  }

  async #write(member: ClusterMember, key: string, value: string): Promise<RegisterOperation> {
    const request = put({ key: Buffer.from(key), value: Buffer.from(value) });
    const { header } = await member.rpc.call(kv.put, request, DEADLINE_MS);
    this.#acknowledge(header!.revision, `${key} = ${value}`);
    return { kind: "write", value };
  }

  /** A swap that did not take place answers with what is there: it is a read then. */
  async #swap(
    member: ClusterMember,
    key: string,
    { expected, value }: { readonly expected: RegisterValue; readonly value: string },
  ): Promise<RegisterOperation> {
    const bytes = Buffer.from(key);
    const request = etcdserverpb.TxnRequest.fromPartial({
      compare: [comparison(bytes, expected)],
      success: [
        {
          request: { $case: "requestPut", value: put({ key: bytes, value: Buffer.from(value) }) },
        },
      ],
      failure: [{ request: { $case: "requestRange", value: range({ key: bytes }) } }],
    });
    const answer = await member.rpc.call(kv.txn, request, DEADLINE_MS);
    if (answer.succeeded) {
      this.#acknowledge(answer.header!.revision, `${key} = ${value}`);
      return { kind: "swap", expected, value, swapped: true };
    }
    const found = answer.responses[0]?.response;
    if (found?.$case !== "responseRange") throw new Error("a failed swap did not read the key");
    return { kind: "read", value: textOf(found.value) };
  }

  #acknowledge(revision: number, write: string): void {
    this.acknowledged++;
    const other = this.#revisions.get(revision);
    if (other !== undefined) throw new Error(`revision ${revision} is both ${other} and ${write}`);
    this.#revisions.set(revision, write);
  }
}

function comparison(key: Buffer, expected: RegisterValue): Partial<etcdserverpb.Compare> {
  const { Compare_CompareResult: result, Compare_CompareTarget: target } = etcdserverpb;
  return expected === undefined
    ? {
        ...{ key, result: result.EQUAL, target: target.CREATE },
        targetUnion: { $case: "createRevision", value: 0 },
      }
    : {
        ...{ key, result: result.EQUAL, target: target.VALUE },
        targetUnion: { $case: "value", value: Buffer.from(expected) },
      };
}

async function readValue(
  member: ClusterMember,
  key: string,
  deadlineMs: number,
): Promise<RegisterValue> {
  const request = range({ key: Buffer.from(key) });
  return textOf(await member.rpc.call(kv.range, request, deadlineMs));
}

function textOf(response: etcdserverpb.RangeResponse): RegisterValue {
  const [found] = response.kvs;
  return found === undefined ? undefined : Buffer.from(found.value).toString();
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
