import { mvccpb } from "@kvorum/api";
import { ClientError, canceledError } from "./client-error.js";
import { type Bytes, type GetOptions, toBytes } from "./ops.js";
import type { RecipeClient } from "./session.js";

const { DELETE } = mvccpb.Event_EventType;

/**
 * The keys of those who want a lock, or to lead: `name/` and the lease's id in hexadecimal. They
 * stand in a queue, in the order of their create revisions, and the first of them has it. The rules
 * are those of etcd's package concurrency, so that all clients may stand in one queue.
 */
export class KeyQueue {
  /** What all keys of the queue begin with. */
  readonly prefix: Buffer;
  readonly #client: RecipeClient;

  constructor(client: RecipeClient, name: Bytes) {
    this.#client = client;
    this.prefix = Buffer.concat([toBytes(name), Buffer.from("/")]);
  }

  /** The key of who holds this lease. */
  keyOf(lease: bigint): Buffer {
    return Buffer.concat([this.prefix, Buffer.from(lease.toString(16))]);
  }

  /** Resolves when every key that came before this revision is gone. @throws ClientError */
  async waitUntilFirst(createRevision: number, signal: AbortSignal): Promise<void> {
    const maxCreateRevision = createRevision - 1;
    for (;;) {
      const { header, kvs } = await this.#client.kv.get(this.prefix, {
        ...LAST,
        maxCreateRevision,
        keysOnly: true,
        signal,
      });
      if (kvs.length === 0) return;
      await this.#waitForDeletion(kvs[0]!.key, header.revision + 1, signal);
    }
  }

  /** Resolves when the key was deleted, or when that can be learnt by reading anew only. */
  async #waitForDeletion(key: Buffer, startRevision: number, signal: AbortSignal): Promise<void> {
    try {
      for await (const { events } of abortable(
        this.#client.watch(key, { startRevision, without: ["put"] }),
        signal,
      )) {
        if (events.some(({ type }) => type === DELETE)) return;
      }
    } catch (error) {
      if (!isCompacted(error)) throw error;
    }
  }
}

/** Options to read the first of a queue, who has what the queue is for. */
export const FIRST = { prefix: true, limit: 1, sortBy: "create", order: "ascend" } as const;
const LAST = { ...FIRST, order: "descend" } as const satisfies GetOptions;

/**
 * What a watcher yields until the signal ends it.
 * @throws ClientError "CANCELLED" then
 */
export async function* abortable<Item>(
  watcher: AsyncIterable<Item> & { cancel(): void },
  signal: AbortSignal | undefined,
): AsyncGenerator<Item, void, undefined> {
  const cancel = () => watcher.cancel();
  signal?.addEventListener("abort", cancel);
  try {
    if (signal?.aborted) cancel();
    yield* watcher;
  } finally {
    signal?.removeEventListener("abort", cancel);
  }
  if (signal?.aborted) throw canceledError(signal.reason);
}

/** Whether a watch could not go on because its history is no longer there. */
export function isCompacted(error: unknown): boolean {
  return error instanceof ClientError && error.compactRevision !== undefined;
}
