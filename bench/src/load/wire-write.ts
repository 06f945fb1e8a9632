import { varintSize, writeVarint } from "@kvorum/base";

/** Writes the tag and the length of a length-delimited field below 16; returns where it ends. */
export function putFieldHead(into: Buffer, at: number, field: number, length: number): number {
  into[at] = (field << 3) | 2;
  return writeVarint(into, at + 1, length);
}

/** Bytes of a length-delimited field below 16, with its head. */
export function fieldBytes(length: number): number {
  return 1 + varintSize(length) + length;
}
