import type { HubStream } from "./watcher.js";

/**
 * Streams with something to hand over, first come, first served; but those of one group together,
 * since their output leaves in one write, and one large write costs less than several small ones.
 */
export class DirtyStreams {
  readonly #groups = new Map<object, HubStream[]>();
  /** The group under way. */
  #serving: HubStream[] = [];
  #next = 0;

  get isEmpty(): boolean {
    return this.#next === this.#serving.length && this.#groups.size === 0;
  }

  /** A no-op for a stream that is there. One of the group under way comes with the group's next turn. */
  add(stream: HubStream): void {
    if (stream.isDirty) return;
    stream.isDirty = true;
    const group = this.#groups.get(stream.group);
    if (group === undefined) this.#groups.set(stream.group, [stream]);
    else group.push(stream);
  }

  take(): HubStream | undefined {
    if (this.#next === this.#serving.length) {
      const first = this.#groups.entries().next();
      if (first.done === true) return undefined;
      const [key, streams] = first.value;
      this.#groups.delete(key);
      this.#serving = streams;
      this.#next = 0;
    }
    const stream = this.#serving[this.#next++]!;
    stream.isDirty = false;
    return stream;
  }
}
