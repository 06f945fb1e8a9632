import { huffmanEncode, huffmanLength } from "./huffman.js";
import { STATIC_TABLE } from "./static-table.js";

export type Field = readonly [name: string, value: string];

/**
 * Encodes fields without the dynamic table, so the bytes are the same on every connection and at
 * every time: static entries where they match, Huffman strings where they are shorter. Characters
 * are bytes (latin1).
 */
export function encodeFields(fields: readonly Field[]): Buffer {
  return Buffer.concat(fields.map(encodeField));
}

function encodeField([name, value]: Field): Buffer {
  const whole = STATIC_TABLE.findIndex((entry) => entry[0] === name && entry[1] === value);
  if (whole > 0) return encodeInteger(0x80, 7, whole);
  return encodeLiteral([name, value], { firstByte: 0x00, prefixBits: 4 });
}

/** The same field as a literal that both ends add to their dynamic table. */
export function encodeIndexingField(field: Field): Buffer {
  return encodeLiteral(field, { firstByte: 0x40, prefixBits: 6 });
}

interface LiteralForm {
  readonly firstByte: number;
  readonly prefixBits: number;
}

function encodeLiteral([name, value]: Field, { firstByte, prefixBits }: LiteralForm): Buffer {
  const named = Math.max(
    0,
    STATIC_TABLE.findIndex((entry) => entry[0] === name),
  );
  const parts = [encodeInteger(firstByte, prefixBits, named)];
  if (named === 0) parts.push(encodeString(name));
  parts.push(encodeString(value));
  return Buffer.concat(parts);
}

/** An HPACK integer: `firstByte` carries the pattern above the prefix (RFC 7541 5.1). */
export function encodeInteger(firstByte: number, prefixBits: number, value: number): Buffer {
  const mask = (1 << prefixBits) - 1;
  if (value < mask) return Buffer.from([firstByte | value]);
  const bytes = [firstByte | mask];
  let rest = value - mask;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

function encodeString(text: string): Buffer {
  const plain = Buffer.from(text, "latin1");
  const length = huffmanLength(plain);
  if (length < plain.length) {
    return Buffer.concat([encodeInteger(0x80, 7, length), huffmanEncode(plain)]);
  }
  return Buffer.concat([encodeInteger(0x00, 7, plain.length), plain]);
}
