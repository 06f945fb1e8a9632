import { type Backend, createMemoryEngine, type Op } from "@kvorum/backends";

/** A memory engine whose commits settle, or fail, when the test says so. */
export class ManualBackend {
  readonly commits: (readonly Op[])[] = [];
  readonly backend: Backend;
  readonly #pending: { readonly settle: () => Promise<void>; readonly fail: (e: Error) => void }[] =
    [];

  static async open(): Promise<ManualBackend> {
    return new ManualBackend(await createMemoryEngine().open({ directory: "/store" }));
  }

  private constructor(inner: Backend) {
    const commit = (ops: readonly Op[]): Promise<void> => {
      this.commits.push(ops);
      return new Promise((resolve, reject) => {
        this.#pending.push({ settle: () => inner.commit(ops).then(resolve), fail: reject });
      });
    };
    this.backend = {
      capabilities: inner.capabilities,
      get: (bucket, key) => inner.get(bucket, key),
      view: () => inner.view(),
      stat: () => inner.stat(),
      defragment: (onProgress) => inner.defragment(onProgress),
      close: () => inner.close(),
      commit,
    };
  }

  get underWay(): number {
    return this.#pending.length;
  }

  async settle(): Promise<void> {
    await this.#pending.shift()!.settle();
  }

  fail(error: Error): void {
    this.#pending.shift()!.fail(error);
  }
}

/** Lets promise reactions and `clock.soon` callbacks run. */
export async function turns(count = 3): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}
