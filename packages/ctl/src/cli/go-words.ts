/**
 * Words of an input line as etcdctl splits them: "double quotes" with Go's escapes, 'single quotes'
 * without. The line holds one character a byte, and so do the words.
 * @returns undefined when a quoted word can't be read
 */
export function splitWords(line: string): string[] | undefined {
  const words: string[] = [];
  for (const [word] of line.matchAll(WORD)) {
    if (word.startsWith("'")) {
      words.push(word.slice(1, -1));
    } else if (word.startsWith('"')) {
      const read = readQuoted(word);
      if (read === undefined) return undefined;
      words.push(read.text);
    } else {
      words.push(word);
    }
  }
  return words;
}

const WORD = /"(?:[^"\\]|\\.)*"|'[^']*'|[^'"\t\n\f\r ][^\t\n\f\r ]*[^'"\t\n\f\r ]?/g;

const SHORT: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  '"': '"',
};

const ESCAPE =
  /^\\(?:([abfnrtv\\"])|x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/;

/**
 * A quoted string of Go, `"…"` or raw, at the start of `text`, as fmt's %q scans it.
 * @returns what it means, one character a byte, and the rest of the text
 */
export function readQuoted(text: string): { text: string; rest: string } | undefined {
  if (text.startsWith("`")) {
    const end = text.indexOf("`", 1);
    return end < 0 ? undefined : { text: text.slice(1, end), rest: text.slice(end + 1) };
  }
  if (!text.startsWith('"')) return undefined;
  let out = "";
  for (let i = 1; i < text.length; ) {
    if (text[i] === '"') return { text: out, rest: text.slice(i + 1) };
    if (text[i] !== "\\") {
      out += text[i++];
      continue;
    }
    const escaped = readEscape(text.slice(i, i + 10));
    if (escaped === undefined) return undefined;
    out += escaped.text;
    i += escaped.length;
  }
  return undefined;
}

function readEscape(text: string): { text: string; length: number } | undefined {
  const match = ESCAPE.exec(text);
  if (match === null) return undefined;
  const [{ length }, short, hex, octal, short16, long32] = match;
  if (short !== undefined) {
    const meaning = SHORT[short];
    return meaning === undefined ? undefined : { text: meaning, length };
  }
  if (hex !== undefined) return { text: String.fromCharCode(Number.parseInt(hex, 16)), length };
  if (octal !== undefined) {
    const code = Number.parseInt(octal, 8);
    return code > 0xff ? undefined : { text: String.fromCharCode(code), length };
  }
  const code = Number.parseInt((short16 ?? long32)!, 16);
  const isRune = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  return isRune
    ? { text: Buffer.from(String.fromCodePoint(code)).toString("latin1"), length }
    : undefined;
}
