import type { FieldList } from "./hpack/decoder.js";
import type { Metadata } from "./types.js";

const NONE: readonly string[] = [];

/** Request metadata over the decoded header list; pseudo-header fields are left out. */
export class FieldMetadata implements Metadata {
  readonly #fields: FieldList;

  constructor(fields: FieldList) {
    this.#fields = fields;
  }

  get(name: string): string | undefined {
    const fields = this.#fields;
    for (let i = 0; i < fields.length; i += 2) {
      if (fields[i] === name) return fields[i + 1];
    }
    return undefined;
  }

  getAll(name: string): readonly string[] {
    const fields = this.#fields;
    let values: string[] | undefined;
    for (let i = 0; i < fields.length; i += 2) {
      if (fields[i] !== name) continue;
      values ??= [];
      values.push(fields[i + 1]!);
    }
    return values ?? NONE;
  }

  *entries(): IterableIterator<readonly [name: string, value: string]> {
    const fields = this.#fields;
    for (let i = 0; i < fields.length; i += 2) yield [fields[i]!, fields[i + 1]!];
  }
}
