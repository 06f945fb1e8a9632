/**
 * `%q` of Go's fmt, of a string made of `text`: in quotation marks, with Go's escapes for what can't
 * be printed or is no UTF-8. etcd's messages show texts so.
 * @param mark what stands around it; "'" as for a single character
 */
export function goQuote(text: string | Uint8Array, mark: '"' | "'" = '"'): string {
  const bytes = typeof text === "string" ? Buffer.from(text) : Buffer.from(text);
  let quoted = "";
  for (let i = 0; i < bytes.length; ) {
    const size = runeSize(bytes, i);
    if (size === 0) {
      quoted += `\\x${hex(bytes[i]!, 2)}`;
      i++;
      continue;
    }
    const rune = bytes.toString("utf8", i, i + size);
    quoted += rune === mark ? `\\${mark}` : escaped(rune);
    i += size;
  }
  return mark + quoted + mark;
}

/** Bytes of the UTF-8 character at `at`; 0 when there is none. */
export function runeSize(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  const size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + size > bytes.length) return 0;
  try {
    STRICT.decode(bytes.subarray(at, at + size));
    return size;
  } catch {
    return 0;
  }
}

const STRICT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const ESCAPES: Readonly<Record<string, string>> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  "\\": "\\\\",
};

/** Go's strconv.IsPrint. */
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

function escaped(rune: string): string {
  const short = ESCAPES[rune];
  if (short !== undefined) return short;
  if (PRINTABLE.test(rune)) return rune;
  const code = rune.codePointAt(0)!;
  if (code < 0x80) return `\\x${hex(code, 2)}`;
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, "0");
}
