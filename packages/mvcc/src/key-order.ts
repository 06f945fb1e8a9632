import { assert } from "@kvorum/base";

/**
 * The order of `texts` (latin1, one character a byte) as indexes into it; equal ones stay in their
 * order. A radix sort: four characters after the common prefix and the index go into one double,
 * the doubles are sorted natively, and runs of equal characters are sorted by the next four.
 * Several times faster than sorting the strings, which a restore of a large store would wait for.
 */
export function orderOfTexts(texts: readonly string[]): Uint32Array {
  assert(texts.length <= TEXTS_MAX, `${texts.length} texts to sort at once`);
  const order = new Uint32Array(texts.length);
  for (let i = 0; i < order.length; i++) order[i] = i;
  sortRun(texts, order, 0);
  return order;
}

/** The index takes 20 of the 52 bits that a double holds exactly. */
const TEXTS_MAX = 2 ** 20;
/** Runs up to this length are sorted by comparing. */
const SHORT_RUN = 16;

/** `order` holds ascending indexes of texts that are equal before `depth`. */
function sortRun(texts: readonly string[], order: Uint32Array, depth: number): void {
  if (order.length <= SHORT_RUN) {
    order.sort((left, right) => compareTexts(texts, left, right));
    return;
  }
  const start = depth + commonLength(texts, order, depth);
  const packed = new Float64Array(order.length);
  for (let i = 0; i < order.length; i++) {
    packed[i] = charactersAt(texts[order[i]!]!, start) * TEXTS_MAX + order[i]!;
  }
  packed.sort();
  let runStart = 0;
  let runCharacters = -1;
  for (let i = 0; i <= packed.length; i++) {
    const characters = i < packed.length ? Math.floor(packed[i]! / TEXTS_MAX) : -1;
    if (i < packed.length) order[i] = packed[i]! % TEXTS_MAX;
    if (characters === runCharacters) continue;
    if (i - runStart > 1) sortEqualRun(texts, order.subarray(runStart, i), start);
    runStart = i;
    runCharacters = characters;
  }
}

/**
 * Texts that are equal in the four characters from `start` on. A text that ends there counts as
 * filled up with zeros, so the ends must be told from real zeros first.
 */
function sortEqualRun(texts: readonly string[], run: Uint32Array, start: number): void {
  let isEnding = false;
  for (const i of run) if (texts[i]!.length < start + 4) isEnding = true;
  if (isEnding) {
    const sorted = Array.from(run).sort((left, right) => compareTexts(texts, left, right));
    run.set(sorted);
  } else sortRun(texts, run, start + 4);
}

function compareTexts(texts: readonly string[], left: number, right: number): number {
  const leftText = texts[left]!;
  const rightText = texts[right]!;
  return leftText < rightText ? -1 : leftText === rightText ? left - right : 1;
}

/** Characters after `depth` that all texts share. */
function commonLength(texts: readonly string[], order: Uint32Array, depth: number): number {
  const first = texts[order[0]!]!;
  let end = first.length;
  for (let i = 1; i < order.length && end > depth; i++) {
    const text = texts[order[i]!]!;
    let at = depth;
    while (at < end && text.charCodeAt(at) === first.charCodeAt(at)) at++;
    end = at;
  }
  return Math.max(0, end - depth);
}

/** The four characters from `at` on as one number, zeros after the end. */
function charactersAt(text: string, at: number): number {
  if (at + 4 <= text.length) {
    return (
      text.charCodeAt(at) * 0x1000000 +
      ((text.charCodeAt(at + 1) << 16) | (text.charCodeAt(at + 2) << 8) | text.charCodeAt(at + 3))
    );
  }
  let characters = 0;
  for (let i = at; i < at + 4; i++) {
    characters = characters * 256 + (i < text.length ? text.charCodeAt(i) : 0);
  }
  return characters;
}
