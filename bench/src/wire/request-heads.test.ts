import { describe, expect, it } from "vitest";
import { RequestHeads } from "./request-heads.js";
import { DYNAMIC_INDEX, STATIC_TABLE } from "./static-table.js";

/** A plain decoder with a table, written apart from the one under test. */
function fieldsOf(block: Buffer, table: string[]): string[] {
  const fields: string[] = [];
  let at = 0;
  const text = (): string => {
    const length = block[at++]!;
    at += length;
    return block.toString("latin1", at - length, at);
  };
  while (at < block.length) {
    const first = block[at++]!;
    if (first >= 0x80) {
      const index = first & 0x7f;
      const entry = STATIC_TABLE[index - 1];
      const field = entry ? `${entry.name}=${entry.value}` : table[index - DYNAMIC_INDEX];
      fields.push(field ?? `absent ${index}`);
      continue;
    }
    const isIndexed = first >= 0x40;
    const index = first & (isIndexed ? 0x3f : 0x0f);
    // A name index of 15 or more does not fit beside the pattern 0000 and goes into a second byte.
    const nameIndex = !isIndexed && index === 0x0f ? 0x0f + block[at++]! : index;
    const name = nameIndex === 0 ? text() : STATIC_TABLE[nameIndex - 1]!.name;
    const field = `${name}=${text()}`;
    if (isIndexed) table.unshift(field);
    fields.push(field);
  }
  return fields;
}

const expected = (path: string, scheme: string): string[] => [
  ":method=POST",
  `:scheme=${scheme}`,
  `:path=${path}`,
  ":authority=db:2379",
  "content-type=application/grpc",
  "user-agent=kvorum-bench",
  "te=trailers",
];

describe("RequestHeads", () => {
  it("says the same whatever methods take turns, and soon in a byte a field", () => {
    const heads = new RequestHeads({ authority: "db:2379", isSecure: false, tableBytes: 4096 });
    const table: string[] = [];
    const paths = ["/a/Put", "/a/Put", "/a/Range", "/a/Put", "/a/Txn", "/a/Range", "/a/Put"];
    const lengths = paths.map((path) => {
      const block = heads.block(path);
      expect(fieldsOf(block, table)).toEqual(expected(path, "http"));
      return block.length;
    });
    expect([lengths[1], lengths[3], lengths[5], lengths[6]]).toEqual([7, 7, 7, 7]);
  });

  it("leaves a small table alone", () => {
    const heads = new RequestHeads({ authority: "db:2379", isSecure: true, tableBytes: 0 });
    const table: string[] = [];
    for (const path of ["/a/Put", "/a/Range", "/a/Put"]) {
      expect(fieldsOf(heads.block(path), table)).toEqual(expected(path, "https"));
    }
    expect(table).toEqual([]);
  });
});
