import { ErrorCode, Http2Error } from "../http2-error.js";
import { HUFFMAN_EOS, HUFFMAN_LENGTHS, HUFFMAN_SYMBOLS, huffmanCodes } from "./huffman-code.js";

/*
 * The decoder walks the code tree four bits at a time. A state is an inner node of the tree; an
 * entry of the table says what the next four bits do from there:
 *
 *     31      24 23      16 15                0
 *    +----------+----------+-------------------+
 *    |  flags   |  symbol  |    next state     |
 *    +----------+----------+-------------------+
 *
 * The shortest code has five bits, so four bits complete at most one symbol.
 */
const EMITS = 1 << 24;
const FAILS = 2 << 24;

interface DecodeTable {
  readonly steps: Int32Array;
  /** 1 where a string may end: at a symbol's end, or after up to 7 bits that are all ones. */
  readonly mayEnd: Uint8Array;
}

let decodeTable: DecodeTable | undefined;
let encodeCodes: Uint32Array | undefined;

/** What `huffmanDecode` writes into before it makes the string; grows to the longest seen. */
let scratch = Buffer.alloc(256);

/**
 * Decodes `bytes[start, end)` to a string of one character a byte.
 * @throws Http2Error COMPRESSION_ERROR for EOS in the string or wrong padding (RFC 7541 5.2)
 */
export function huffmanDecode(bytes: Buffer, start: number, end: number): string {
  decodeTable ??= buildDecodeTable();
  const { steps, mayEnd } = decodeTable;
  // Five bits is the shortest code, so the output is at most 8/5 of the input.
  const needed = ((end - start) * 8) / 5 + 1;
  if (scratch.length < needed) scratch = Buffer.alloc(needed * 2);
  const out = scratch;
  let length = 0;
  let state = 0;
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    let step = steps[(state << 4) | (byte >> 4)]!;
    if (step & FAILS) throw badHuffman();
    if (step & EMITS) out[length++] = (step >> 16) & 0xff;
    state = step & 0xffff;
    step = steps[(state << 4) | (byte & 15)]!;
    if (step & FAILS) throw badHuffman();
    if (step & EMITS) out[length++] = (step >> 16) & 0xff;
    state = step & 0xffff;
  }
  if (mayEnd[state] === 0) throw badHuffman();
  return out.latin1Slice(0, length);
}

/** The Huffman form of `bytes`, padded with ones. */
export function huffmanEncode(bytes: Uint8Array): Buffer {
  encodeCodes ??= huffmanCodes();
  const out = Buffer.alloc(huffmanLength(bytes));
  let bits = 0;
  let bitCount = 0;
  let offset = 0;
  for (const byte of bytes) {
    let left = HUFFMAN_LENGTHS[byte]!;
    const code = encodeCodes[byte]!;
    while (left > 0) {
      const taken = Math.min(left, 8 - bitCount);
      left -= taken;
      bits = (bits << taken) | ((code >>> left) & ((1 << taken) - 1));
      bitCount += taken;
      if (bitCount === 8) {
        out[offset++] = bits;
        bits = 0;
        bitCount = 0;
      }
    }
  }
  if (bitCount > 0) out[offset] = (bits << (8 - bitCount)) | (0xff >> bitCount);
  return out;
}

/** Bytes that `huffmanEncode(bytes)` would take. */
export function huffmanLength(bytes: Uint8Array): number {
  let bits = 0;
  for (const byte of bytes) bits += HUFFMAN_LENGTHS[byte]!;
  return Math.ceil(bits / 8);
}

function badHuffman(): Http2Error {
  return new Http2Error(ErrorCode.COMPRESSION_ERROR, "invalid Huffman code in a header block");
}

/** Child of a node: a positive inner node, or -1 - symbol for a leaf, or 0 for none. */
type Tree = Array<[zero: number, one: number]>;

function buildTree(): Tree {
  const codes = huffmanCodes();
  const tree: Tree = [[0, 0]];
  for (let symbol = 0; symbol < HUFFMAN_SYMBOLS; symbol++) {
    const length = HUFFMAN_LENGTHS[symbol]!;
    let node = 0;
    for (let bit = length - 1; bit >= 0; bit--) {
      const side = (codes[symbol]! >>> bit) & 1;
      if (bit === 0) {
        tree[node]![side] = -1 - symbol;
      } else {
        if (tree[node]![side] === 0) tree[node]![side] = tree.push([0, 0]) - 1;
        node = tree[node]![side]!;
      }
    }
  }
  return tree;
}

function buildDecodeTable(): DecodeTable {
  const tree = buildTree();
  const steps = new Int32Array(tree.length * 16);
  for (let state = 0; state < tree.length; state++) {
    for (let nibble = 0; nibble < 16; nibble++)
      steps[(state << 4) | nibble] = step(tree, state, nibble);
  }
  const mayEnd = new Uint8Array(tree.length);
  for (let node = 0, depth = 0; depth <= 7; depth++) {
    mayEnd[node] = 1;
    node = tree[node]![1];
  }
  return { steps, mayEnd };
}

function step(tree: Tree, state: number, nibble: number): number {
  let node = state;
  let emitted = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const next = tree[node]![(nibble >> bit) & 1]!;
    if (next === -1 - HUFFMAN_EOS) return FAILS;
    if (next < 0) {
      emitted = EMITS | ((-1 - next) << 16);
      node = 0;
    } else {
      node = next;
    }
  }
  return emitted | node;
}
