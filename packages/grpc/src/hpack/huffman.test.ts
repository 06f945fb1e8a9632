import { expect, it } from "vitest";
import { huffmanDecode, huffmanEncode } from "./huffman.js";
import { HUFFMAN_EOS, HUFFMAN_LENGTHS, HUFFMAN_SYMBOLS, huffmanCodes } from "./huffman-code.js";

it("is a complete prefix code", () => {
  expect(HUFFMAN_LENGTHS.length).toBe(HUFFMAN_SYMBOLS);
  // Kraft's sum is 1 exactly when no code is missing and none is a prefix of another.
  expect(HUFFMAN_LENGTHS.reduce((sum, length) => sum + 2 ** -length, 0)).toBe(1);
});

it.each([
  [0, 0x1ff8, 13],
  [1, 0x7fffd8, 23],
  [10, 0x3ffffffc, 30],
  [22, 0x3ffffffe, 30],
  [32, 0x14, 6],
  [48, 0x0, 5],
  [92, 0x7fff0, 19],
  [97, 0x3, 5],
  [116, 0x9, 5],
  [126, 0x1ffd, 13],
  [127, 0xffffffc, 28],
  [128, 0xfffe6, 20],
  [149, 0x7fffe1, 23],
  [195, 0x7fff1, 19],
  [208, 0x7fff2, 19],
  [237, 0xfffff5, 24],
  [238, 0x3ffffea, 26],
  [249, 0xffffffe, 28],
  [255, 0x3ffffee, 26],
  [HUFFMAN_EOS, 0x3fffffff, 30],
])("symbol %i has the code of RFC 7541 Appendix B", (symbol, code, length) => {
  expect([huffmanCodes()[symbol], HUFFMAN_LENGTHS[symbol]]).toEqual([code, length]);
});

it("decodes every byte, alone and among all others", () => {
  const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const encoded = huffmanEncode(every);
  expect(huffmanDecode(encoded, 0, encoded.length)).toBe(every.toString("latin1"));
  for (const byte of every) {
    const one = huffmanEncode(Buffer.from([byte]));
    expect(huffmanDecode(one, 0, one.length)).toBe(String.fromCharCode(byte));
  }
});
