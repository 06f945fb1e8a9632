/**
 * The same chunks; `end` runs once, when they are used up, fail or are given up, even before the
 * first one. A generator function would not do: its cleanup doesn't run when it never began.
 */
export function endWith(
  chunks: AsyncGenerator<Buffer, void, undefined>,
  end: () => Promise<void>,
): AsyncGenerator<Buffer, void, undefined> {
  return new EndedChunks(chunks, end);
}

class EndedChunks implements AsyncGenerator<Buffer, void, undefined> {
  readonly #chunks: AsyncGenerator<Buffer, void, undefined>;
  #end: (() => Promise<void>) | undefined;

  constructor(chunks: AsyncGenerator<Buffer, void, undefined>, end: () => Promise<void>) {
    this.#chunks = chunks;
    this.#end = end;
  }

  next(): Promise<IteratorResult<Buffer, void>> {
    return this.#watch(this.#chunks.next());
  }

  return(): Promise<IteratorResult<Buffer, void>> {
    return this.#watch(this.#chunks.return());
  }

  throw(error: unknown): Promise<IteratorResult<Buffer, void>> {
    return this.#watch(this.#chunks.throw(error));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  async #watch(step: Promise<IteratorResult<Buffer, void>>): Promise<IteratorResult<Buffer, void>> {
    let isOver = true;
    try {
      const result = await step;
      isOver = result.done === true;
      return result;
    } finally {
      if (isOver) {
        const end = this.#end;
        this.#end = undefined;
        await end?.();
      }
    }
  }
}
