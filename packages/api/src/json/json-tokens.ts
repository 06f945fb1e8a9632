import { goQuote } from "@kvorum/base";
import { JsonError } from "./json-error.js";

export interface JsonToken {
  readonly kind: "object" | "array" | "end" | "name" | "string" | "number" | "bool" | "null";
  /** As it stands in the text, a string with its quotation marks. */
  readonly raw: string;
  /** Where it begins, in UTF-16 units. */
  readonly at: number;
}

/**
 * The tokens of one JSON value that is known to be well-formed (`JsonValues` looked at it). "end" is
 * the end of an object or array. What Go's protojson refuses beyond encoding/json is refused here:
 * strings that are no UTF-8, or hold half a surrogate pair.
 */
export class JsonTokens {
  readonly #text: string;
  readonly #isUtf8: boolean;
  #at = 0;
  #peeked: JsonToken | undefined;

  constructor(text: string, options: { readonly isUtf8: boolean }) {
    this.#text = text;
    this.#isUtf8 = options.isUtf8;
  }

  peek(): JsonToken {
    this.#peeked ??= this.#next();
    return this.#peeked;
  }

  read(): JsonToken {
    const token = this.#peeked ?? this.#next();
    this.#peeked = undefined;
    return token;
  }

  /** Skips a whole value. */
  skip(): void {
    let depth = 0;
    do {
      const { kind } = this.read();
      if (kind === "object" || kind === "array") depth++;
      else if (kind === "end") depth--;
    } while (depth > 0);
  }

  /** The text of a string or name. @throws JsonError */
  string({ raw, at }: JsonToken): string {
    const text: string = JSON.parse(raw);
    if (!this.#isUtf8 && text.includes("\ufffd")) {
      throw this.syntaxError(at, "invalid UTF-8 in string");
    }
    if (/\p{Surrogate}/u.test(text)) {
      const after = at + endOfHalfPair(raw);
      const rest = this.#text.slice(after, after + ESCAPE_LENGTH);
      if (rest.length < ESCAPE_LENGTH) throw new JsonError("proto: unexpected EOF");
      throw this.syntaxError(at, `invalid escape code ${goQuote(rest, '"')} in string`);
    }
    return text;
  }

  error(at: number, text: string): JsonError {
    return new JsonError(`proto: (${this.#position(at)}): ${text}`);
  }

  unexpected(token: JsonToken): JsonError {
    return this.syntaxError(token.at, `unexpected token ${token.raw}`);
  }

  syntaxError(at: number, text: string): JsonError {
    return new JsonError(`proto: syntax error (${this.#position(at)}): ${text}`);
  }

  #next(): JsonToken {
    const at = matchEnd(SEPARATORS, this.#text, this.#at);
    const first = this.#text[at]!;
    if (first === '"') return this.#nextString(at);
    this.#at = matchEnd(WORD, this.#text, at);
    const raw = this.#text.slice(at, this.#at);
    if (first === "n") return { kind: "null", raw, at };
    if (first === "t" || first === "f") return { kind: "bool", raw, at };
    if (first === "{" || first === "[")
      return { kind: first === "{" ? "object" : "array", raw, at };
    return { kind: first === "}" || first === "]" ? "end" : "number", raw, at };
  }

  /** By hand: a value of megabytes is too long for a regular expression that knows of escapes. */
  #nextString(at: number): JsonToken {
    let end = this.#text.indexOf('"', at + 1);
    while (isEscaped(this.#text, end)) end = this.#text.indexOf('"', end + 1);
    const raw = this.#text.slice(at, end + 1);
    const next = matchEnd(SPACES, this.#text, end + 1);
    const isName = this.#text[next] === ":";
    this.#at = isName ? next + 1 : next;
    return { kind: isName ? "name" : "string", raw, at };
  }

  /** Line and column, both from one; a column is a code point. */
  #position(at: number): string {
    const before = this.#text.slice(0, at);
    const lineStart = before.lastIndexOf("\n") + 1;
    const line = before.split("\n").length;
    return `line ${line}:${[...before.slice(lineStart)].length + 1}`;
  }
}

/** \uXXXX */
const ESCAPE_LENGTH = 6;

/** Where the first escape ends that is half a surrogate pair, and stands alone. */
function endOfHalfPair(raw: string): number {
  const pair = "u[dD][89abAB][0-9a-fA-F]{2}\\\\u[dD][c-fC-F][0-9a-fA-F]{2}";
  for (const match of raw.matchAll(new RegExp(`\\\\(?:${pair}|u[0-9a-fA-F]{4}|.)`, "g"))) {
    if (/^\\u[dD][89a-fA-F]/.test(match[0]) && match[0].length === ESCAPE_LENGTH) {
      return match.index + ESCAPE_LENGTH;
    }
  }
  return raw.length;
}

const SPACES = /[ \t\r\n]*/y;
const SEPARATORS = /[ \t\r\n,]*/y;
/** A number, a literal or a bracket. */
const WORD = /[-+.0-9a-zA-Z]+|[[\]{}]/y;

/** Where the match of a sticky pattern at `start` ends. */
function matchEnd(pattern: RegExp, text: string, start: number): number {
  pattern.lastIndex = start;
  return pattern.test(text) ? pattern.lastIndex : start;
}

/** Whether an odd number of backslashes stands before `at`. */
function isEscaped(text: string, at: number): boolean {
  let start = at;
  while (text[start - 1] === "\\") start--;
  return (at - start) % 2 === 1;
}
