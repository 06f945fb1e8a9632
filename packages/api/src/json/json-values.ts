import { goQuote } from "@kvorum/base";
import { JsonError } from "./json-error.js";

/** What the next byte may be; the numbers' and literals' states are of one token. */
type State =
  | "value"
  | "valueOrEnd"
  | "nameOrEnd"
  | "name"
  | "colon"
  | "afterMember"
  | "afterElement"
  | "string"
  | "escape"
  | "hex"
  | "literal"
  | "minus"
  | "zero"
  | "digits"
  | "point"
  | "fraction"
  | "exponent"
  | "exponentSign"
  | "exponentDigits";

const EXPECTED: Readonly<Partial<Record<State, string>>> = {
  value: "looking for beginning of value",
  valueOrEnd: "looking for beginning of value",
  nameOrEnd: "looking for beginning of object key string",
  name: "looking for beginning of object key string",
  colon: "after object key",
  afterMember: "after object key:value pair",
  afterElement: "after array element",
  string: "in string literal",
  escape: "in string escape code",
  hex: "in \\u hexadecimal character escape",
  minus: "in numeric literal",
  point: "after decimal point in numeric literal",
  exponent: "in exponent of numeric literal",
  exponentSign: "in exponent of numeric literal",
};

/** Numbers that are whole where they stand. */
const NUMBER_ENDS: ReadonlySet<State> = new Set(["zero", "digits", "fraction", "exponentDigits"]);

const LITERALS: Readonly<Record<string, string>> = { t: "true", f: "false", n: "null" };

/** Objects and arrays within one another. The messages' own decoders stop earlier. */
const DEPTH_MAX = 1_000;

export interface JsonValuesOptions {
  /** Only the first value counts; what follows it is passed over. */
  readonly isOne?: boolean;
  /** Bytes of one value. */
  readonly valueBytesMax: number;
  /** The text of a value, complete and well-formed. */
  readonly onValue: (text: Buffer) => void;
  /** What is thrown for a value above the limit, of which this much was held. */
  readonly tooLong: (bytes: number) => Error;
}

/**
 * Finds the JSON values that stand one behind the other in a stream of bytes, and refuses what is
 * none with the words of Go's encoding/json. After an error it takes no more.
 */
export class JsonValues {
  readonly #options: JsonValuesOptions;
  readonly #open: ("{" | "[")[] = [];
  readonly #parts: Buffer[] = [];
  #partsBytes = 0;
  #state: State = "value";
  #isName = false;
  #literal = "";
  #literalAt = 0;
  #hexDigits = 0;
  #hasBegun = false;
  #isDone = false;

  constructor(options: JsonValuesOptions) {
    this.#options = options;
  }

  /** Bytes of a value that is not whole yet. */
  get heldBytes(): number {
    return this.#partsBytes;
  }

  /** @throws JsonError, or what `tooLong` and `onValue` give */
  push(chunk: Buffer): void {
    let start = 0;
    for (let i = 0; i < chunk.length && !this.#isDone; i++) {
      if (this.#state === "string") i = endOfPlain(chunk, i);
      if (i === chunk.length) break;
      const byte = chunk[i]!;
      if (this.#endsNumber(byte)) {
        if (this.#open.length === 0) {
          this.#emit(chunk.subarray(start, i));
          if (this.#isDone) break;
          start = i;
        } else this.#afterValue();
      }
      const wasBegun = this.#hasBegun;
      const isEnd = this.#step(byte);
      if (!wasBegun) start = i;
      if (isEnd) {
        this.#emit(chunk.subarray(start, i + 1));
        start = i + 1;
      }
    }
    if (!this.#isDone) this.#keep(chunk.subarray(start));
  }

  /** The stream is over. @throws JsonError for a value that is not whole */
  end(): void {
    if (this.#open.length === 0 && NUMBER_ENDS.has(this.#state)) this.#emit(Buffer.alloc(0));
    else if (this.#hasBegun) throw new JsonError("unexpected EOF");
  }

  #keep(part: Buffer): void {
    if (!this.#hasBegun) return;
    this.#parts.push(part);
    this.#partsBytes += part.length;
    if (this.#partsBytes > this.#options.valueBytesMax) {
      throw this.#options.tooLong(this.#partsBytes);
    }
  }

  #emit(last: Buffer): void {
    this.#hasBegun = true;
    this.#keep(last);
    const text = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
    this.#parts.length = 0;
    this.#partsBytes = 0;
    this.#hasBegun = false;
    this.#state = "value";
    this.#isDone = this.#options.isOne ?? false;
    this.#options.onValue(text);
  }

  #endsNumber(byte: number): boolean {
    if (!NUMBER_ENDS.has(this.#state)) return false;
    const isDigit = byte >= 0x30 && byte <= 0x39;
    if (isDigit) return this.#state === "zero";
    const goesOn = this.#state === "zero" || this.#state === "digits" ? ".eE" : "eE";
    return this.#state === "exponentDigits" || !goesOn.includes(String.fromCharCode(byte));
  }

  /** @returns whether the byte ends a value that stands in no other */
  #step(byte: number): boolean {
    const character = String.fromCharCode(byte);
    switch (this.#state) {
      case "string":
        return this.#stepString(character);
      case "escape":
        this.#expect('"\\/bfnrtu'.includes(character), character);
        this.#hexDigits = 0;
        this.#state = character === "u" ? "hex" : "string";
        return false;
      case "hex":
        this.#expect(/[0-9a-fA-F]/.test(character), character);
        if (++this.#hexDigits === 4) this.#state = "string";
        return false;
      case "literal":
        return this.#stepLiteral(character);
      case "minus":
      case "zero":
      case "digits":
      case "point":
      case "fraction":
      case "exponent":
      case "exponentSign":
      case "exponentDigits":
        this.#stepNumber(character);
        return false;
      default:
        return " \t\r\n".includes(character) ? false : this.#stepStructure(character);
    }
  }

  #stepStructure(character: string): boolean {
    switch (this.#state) {
      case "nameOrEnd":
        if (character === "}") return this.#close();
        this.#beginName(character);
        return false;
      case "name":
        this.#beginName(character);
        return false;
      case "colon":
        this.#expect(character === ":", character);
        this.#state = "value";
        return false;
      case "afterMember":
        if (character === "}") return this.#close();
        this.#expect(character === ",", character);
        this.#state = "name";
        return false;
      case "afterElement":
        if (character === "]") return this.#close();
        this.#expect(character === ",", character);
        this.#state = "value";
        return false;
      case "valueOrEnd":
        if (character === "]") return this.#close();
        this.#beginValue(character);
        return false;
      default:
        this.#beginValue(character);
        return false;
    }
  }

  #beginName(character: string): void {
    this.#expect(character === '"', character);
    this.#isName = true;
    this.#state = "string";
  }

  #beginValue(character: string): void {
    this.#hasBegun = true;
    if (character === "{" || character === "[") {
      this.#open.push(character);
      if (this.#open.length > DEPTH_MAX) throw new JsonError("exceeded max depth");
      this.#state = character === "{" ? "nameOrEnd" : "valueOrEnd";
    } else if (character === '"') {
      this.#isName = false;
      this.#state = "string";
    } else if (character === "-") this.#state = "minus";
    else if (character === "0") this.#state = "zero";
    else if (/[1-9]/.test(character)) this.#state = "digits";
    else {
      this.#expect(LITERALS[character] !== undefined, character);
      this.#literal = LITERALS[character]!;
      this.#literalAt = 1;
      this.#state = "literal";
    }
  }

  #stepString(character: string): boolean {
    if (character === "\\") this.#state = "escape";
    else if (character === '"') {
      if (!this.#isName) return this.#afterValue();
      this.#state = "colon";
    } else this.#expect(character >= " ", character);
    return false;
  }

  #stepLiteral(character: string): boolean {
    const wanted = this.#literal[this.#literalAt]!;
    if (character !== wanted) {
      const where = `in literal ${this.#literal} (expecting ${goQuote(wanted, "'")})`;
      throw new JsonError(`invalid character ${goQuote(character, "'")} ${where}`);
    }
    return ++this.#literalAt === this.#literal.length && this.#afterValue();
  }

  /** The bytes that may end a number were looked at before. */
  #stepNumber(character: string): void {
    const isDigit = /[0-9]/.test(character);
    switch (this.#state) {
      case "minus":
        this.#expect(isDigit, character);
        this.#state = character === "0" ? "zero" : "digits";
        break;
      case "zero":
      case "digits":
        if (!isDigit) this.#state = character === "." ? "point" : "exponent";
        break;
      case "point":
        this.#expect(isDigit, character);
        this.#state = "fraction";
        break;
      case "fraction":
        if (!isDigit) this.#state = "exponent";
        break;
      case "exponent":
        this.#expect(isDigit || "+-".includes(character), character);
        this.#state = isDigit ? "exponentDigits" : "exponentSign";
        break;
      default:
        this.#expect(isDigit, character);
        this.#state = "exponentDigits";
    }
  }

  #close(): boolean {
    this.#open.pop();
    return this.#afterValue();
  }

  /** @returns whether it was a value that stands in no other */
  #afterValue(): boolean {
    const around = this.#open.at(-1);
    this.#state = around === "{" ? "afterMember" : around === "[" ? "afterElement" : "value";
    return around === undefined;
  }

  #expect(isExpected: boolean, character: string): void {
    if (isExpected) return;
    const where = EXPECTED[this.#state] ?? "";
    throw new JsonError(`invalid character ${goQuote(character, "'")} ${where}`);
  }
}

/** Where the string that goes on at `i` has its next quotation mark, backslash or control byte. */
function endOfPlain(chunk: Buffer, i: number): number {
  let at = i;
  while (at < chunk.length) {
    const byte = chunk[at]!;
    if (byte === 0x22 || byte === 0x5c || byte < 0x20) break;
    at++;
  }
  return at;
}
