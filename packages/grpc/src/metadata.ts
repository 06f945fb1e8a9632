import type { FieldList } from "./hpack/decoder.js";
import type { Metadata } from "./types.js";

const NONE: readonly string[] = [];

/** Request metadata over the decoded header list, without the pseudo-headers at its beginning. */
export class FieldMetadata implements Metadata {
  readonly #fields: FieldList;
  readonly #start: number;

  constructor(fields: FieldList, start: number) {
    this.#fields = fields;
    this.#start = start;
  }

  get(name: string): string | undefined {
    const fields = this.#fields;
    for (let i = this.#start; i < fields.length; i += 2) {
      if (fields[i] === name) return fields[i + 1];
    }
    return undefined;
  }

  getAll(name: string): readonly string[] {
    const fields = this.#fields;
    let values: string[] | undefined;
    for (let i = this.#start; i < fields.length; i += 2) {
      if (fields[i] !== name) continue;
      values ??= [];
      values.push(fields[i + 1]!);
    }
    return values ?? NONE;
  }

  *entries(): IterableIterator<readonly [name: string, value: string]> {
    const fields = this.#fields;
    for (let i = this.#start; i < fields.length; i += 2) yield [fields[i]!, fields[i + 1]!];
  }
}
