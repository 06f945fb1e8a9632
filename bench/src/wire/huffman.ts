import { BenchError } from "../bench-error.js";

/** The end-of-string symbol, which must not be sent. */
const EOS = 256;

/**
 * Bits of each symbol's code, RFC 7541 Appendix B. The code is canonical (codes of one length are
 * consecutive in the order of their symbols), so the lengths are the whole table.
 */
// biome-ignore format: sixteen symbols a row, as bytes are read.
const LENGTHS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
  28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
  5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
  6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
  24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
  21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
];

/** A binary tree: `tree[2n + bit]` is the next node, or -1 - symbol at a leaf, or 0 when absent. */
let tree: Int32Array | undefined;

function buildTree(): Int32Array {
  const nodes = new Int32Array(2 * LENGTHS.length * 2);
  let used = 1;
  let code = 0;
  for (let bits = 1; bits <= 30; bits++) {
    for (let symbol = 0; symbol < LENGTHS.length; symbol++) {
      if (LENGTHS[symbol] !== bits) continue;
      let node = 0;
      for (let bit = bits - 1; bit > 0; bit--) {
        const edge = 2 * node + ((code >>> bit) & 1);
        if (nodes[edge] === 0) nodes[edge] = used++;
        node = nodes[edge]!;
      }
      nodes[2 * node + (code & 1)] = -1 - symbol;
      code++;
    }
    code <<= 1;
  }
  return nodes;
}

/**
 * The text of a Huffman-coded string, one character a byte. A connection's replies repeat the same
 * few strings through the dynamic table, so this runs a handful of times a connection.
 * @throws BenchError "PROTOCOL" on EOS or on padding that isn't the start of EOS
 */
export function huffmanDecode(bytes: Buffer, start: number, end: number): string {
  tree ??= buildTree();
  let text = "";
  let node = 0;
  let depth = 0;
  let isAllOnes = true;
  for (let at = start; at < end; at++) {
    for (let bit = 7; bit >= 0; bit--) {
      const one = (bytes[at]! >>> bit) & 1;
      const next = tree[2 * node + one]!;
      depth++;
      isAllOnes &&= one === 1;
      if (next >= 0) {
        node = next;
        continue;
      }
      if (next === -1 - EOS) throw new BenchError("PROTOCOL", "EOS in a Huffman string");
      text += String.fromCharCode(-1 - next);
      node = 0;
      depth = 0;
      isAllOnes = true;
    }
  }
  if (depth > 7 || !isAllOnes) throw new BenchError("PROTOCOL", "wrong padding of a string");
  return text;
}
