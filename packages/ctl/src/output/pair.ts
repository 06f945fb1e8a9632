import { runeSize } from "@kvorum/base";
import type { KeyValue } from "@kvorum/client";
import type { Printer } from "./formatter.js";

/** Bytes of one key or value shown on a terminal; a pipe gets all of them. */
const TERMINAL_BYTES_MAX = 16 * 1024;

/**
 * Prints key and value, a line each. Into a pipe or file they go byte for byte; on a terminal,
 * bytes that would change its state are made visible and the middle of a huge value is left out.
 */
export function printPair(pair: KeyValue, printer: Printer): void {
  if (!printer.valueOnly) printBytes(pair.key, printer);
  printBytes(pair.value, printer);
}

function printBytes(bytes: Buffer, { out, isHex }: Printer): void {
  if (isHex) {
    out.write(`${bytes.toString("hex").replace(/../g, "\\x$&")}\n`);
  } else if (out.isTerminal) {
    out.write(`${visible(bytes)}\n`);
  } else {
    out.write(bytes);
    out.write("\n");
  }
}

/** As text, with control characters and broken UTF-8 as `\xNN`. */
function visible(bytes: Buffer): string {
  if (bytes.length > TERMINAL_BYTES_MAX) {
    const half = TERMINAL_BYTES_MAX / 2;
    const left = bytes.length - TERMINAL_BYTES_MAX;
    const [head, tail] = [bytes.subarray(0, half), bytes.subarray(bytes.length - half)];
    return `${visible(head)}\n… ${left} more bytes, shown when the output is piped …\n${visible(tail)}`;
  }
  let text = "";
  for (let i = 0; i < bytes.length; ) {
    const size = runeSize(bytes, i);
    const byte = bytes[i]!;
    const isControl = (byte < 0x20 && byte !== 0x09 && byte !== 0x0a) || byte === 0x7f;
    // U+0080 to U+009F are control characters too; in UTF-8 they begin with 0xc2.
    const isHighControl = byte === 0xc2 && size === 2 && bytes[i + 1]! < 0xa0;
    if (size === 0 || isControl || isHighControl) {
      text += `\\x${byte.toString(16).padStart(2, "0")}`;
      i++;
    } else {
      text += bytes.toString("utf8", i, i + size);
      i += size;
    }
  }
  return text;
}
