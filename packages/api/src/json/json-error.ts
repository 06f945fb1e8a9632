/** A text is no JSON, or none of the message that it should be; the wording is Go's. */
export class JsonError extends Error {
  override readonly name = "JsonError";
}

/** Characters beyond ASCII that Go's strconv prints as they stand; all but these are escaped. */
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  "\\": "\\\\",
};

/** `text` as Go's %q shows it, between `mark`s. */
export function goQuote(text: string, mark: '"' | "'"): string {
  let quoted = "";
  for (const character of text) quoted += character === mark ? `\\${mark}` : escaped(character);
  return mark + quoted + mark;
}

function escaped(character: string): string {
  const short = SHORT_ESCAPES[character];
  if (short !== undefined) return short;
  if (PRINTABLE.test(character)) return character;
  const code = character.codePointAt(0)!;
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, "0")}`;
  return code < 0x10000
    ? `\\u${code.toString(16).padStart(4, "0")}`
    : `\\U${code.toString(16).padStart(8, "0")}`;
}
