import { compareBytes } from "@kvorum/base";
import {
  decodePageHeader,
  ELEMENT_BYTES,
  ELEMENT_IS_BUCKET,
  FLAG_BRANCH,
  FLAG_LEAF,
  formatError,
  PAGE_HEADER_BYTES,
  pageTypeName,
  readPageId,
} from "./format.js";
import { KEY_BYTES_MAX } from "./limits.js";

/** Where a page stands, for messages and for the keys that its ancestors allow it. */
export interface PagePlace {
  readonly path: string;
  /** The id that the page must carry; 0 for the page inside an inline bucket. */
  readonly id: number;
  /** What the place is called in messages: `page 7`, `page 7 (inline bucket "auth")`. */
  readonly label: string;
  /** Keys of the page are at least `low` and below `high`; undefined means no bound. */
  readonly low: Buffer | undefined;
  readonly high: Buffer | undefined;
}

/** A page whose header is right; its elements are checked as they are read. */
export interface ParsedPage {
  readonly bytes: Buffer;
  readonly isBranch: boolean;
  readonly count: number;
}

/** Children of a branch page in key order; `keys[i]` is the lowest key allowed under `ids[i]`. */
export interface Branch {
  readonly ids: readonly number[];
  readonly keys: readonly Buffer[];
}

/**
 * Called for each element of a leaf in key order with offsets into the page: the key stands at
 * [keyStart, valueStart), the value at [valueStart, end). Offsets and not slices, because a slice
 * costs as much as all the checks of an element, and not every visitor wants them.
 */
export type LeafVisitor = (
  keyStart: number,
  valueStart: number,
  end: number,
  isBucket: boolean,
) => void;

/** @throws BackendError "FORMAT" when the header is not that of a tree page at this place */
export function parsePage(bytes: Buffer, place: PagePlace): ParsedPage {
  const header = decodePageHeader(bytes);
  if (header.id !== place.id) {
    throw formatError(place.path, `${place.label}: self identifies as ${header.id}`);
  }
  if (header.flags !== FLAG_BRANCH && header.flags !== FLAG_LEAF) {
    const name = pageTypeName(header.flags);
    throw formatError(place.path, `${place.label}: invalid type: ${name}`);
  }
  const elementsEnd = PAGE_HEADER_BYTES + header.count * ELEMENT_BYTES;
  if (elementsEnd > bytes.length) {
    const what = `${place.label}: ${header.count} elements don't fit in ${bytes.length} bytes`;
    throw formatError(place.path, what);
  }
  const isBranch = header.flags === FLAG_BRANCH;
  if (isBranch && header.count === 0) {
    throw formatError(place.path, `${place.label}: branch page without elements`);
  }
  return { bytes, isBranch, count: header.count };
}

/** @throws BackendError "FORMAT" when an element leaves the page or a key breaks the order */
export function readBranch(page: ParsedPage, place: PagePlace): Branch {
  const ids: number[] = [];
  const keys: Buffer[] = [];
  const { bytes, count } = page;
  let dataEnd = PAGE_HEADER_BYTES + count * ELEMENT_BYTES;
  let previous: Buffer | undefined;
  for (let i = 0; i < count; i++) {
    const at = PAGE_HEADER_BYTES + i * ELEMENT_BYTES;
    const start = at + bytes.readUInt32LE(at);
    const keySize = bytes.readUInt32LE(at + 4);
    if (!fits({ start, keySize, valueSize: 0, dataEnd, limit: bytes.length })) {
      throw elementError(place, i, { start, keySize, valueSize: 0, length: bytes.length });
    }
    dataEnd = start + keySize;
    const key = bytes.subarray(start, dataEnd);
    checkOrder(place, i, key, previous);
    ids.push(readPageId(bytes, at + 8));
    keys.push(key);
    previous = key;
  }
  checkHigh(place, previous);
  return { ids, keys };
}

/**
 * Visits the elements of a leaf from the first to the last.
 * @throws BackendError "FORMAT" when an element leaves the page or a key breaks the order
 */
export function visitLeaf(page: ParsedPage, place: PagePlace, visit: LeafVisitor): void {
  const { bytes, count } = page;
  // Data of different elements may not overlap: a page can't claim more bytes than it has.
  let dataEnd = PAGE_HEADER_BYTES + count * ELEMENT_BYTES;
  let previousStart = 0;
  let previousEnd = 0;
  for (let i = 0; i < count; i++) {
    const at = PAGE_HEADER_BYTES + i * ELEMENT_BYTES;
    const start = at + bytes.readUInt32LE(at + 4);
    const keySize = bytes.readUInt32LE(at + 8);
    const valueSize = bytes.readUInt32LE(at + 12);
    const valueStart = start + keySize;
    const end = valueStart + valueSize;
    if (start < dataEnd || end > bytes.length || keySize === 0 || keySize > KEY_BYTES_MAX) {
      throw elementError(place, i, { start, keySize, valueSize, length: bytes.length });
    }
    dataEnd = end;
    if (i === 0 || !rises(bytes, { previousStart, previousEnd, start, end: valueStart })) {
      const previous = i === 0 ? undefined : bytes.subarray(previousStart, previousEnd);
      checkOrder(place, i, bytes.subarray(start, valueStart), previous);
    }
    previousStart = start;
    previousEnd = valueStart;
    visit(start, valueStart, end, (bytes.readUInt32LE(at) & ELEMENT_IS_BUCKET) !== 0);
  }
  if (count > 0) checkHigh(place, bytes.subarray(previousStart, previousEnd));
}

/** Whether the key at [start, end) is above the one before it; both are bytes of one page. */
function rises(
  bytes: Buffer,
  keys: {
    readonly previousStart: number;
    readonly previousEnd: number;
    readonly start: number;
    readonly end: number;
  },
): boolean {
  let left = keys.previousStart;
  let right = keys.start;
  while (left < keys.previousEnd && right < keys.end) {
    const difference = bytes[right++]! - bytes[left++]!;
    if (difference !== 0) return difference > 0;
  }
  return right < keys.end;
}

interface Extent {
  readonly start: number;
  readonly keySize: number;
  readonly valueSize: number;
}

function fits(extent: Extent & { readonly dataEnd: number; readonly limit: number }): boolean {
  const end = extent.start + extent.keySize + extent.valueSize;
  const isKeySize = extent.keySize > 0 && extent.keySize <= KEY_BYTES_MAX;
  return isKeySize && extent.start >= extent.dataEnd && end <= extent.limit;
}

function elementError(
  place: PagePlace,
  index: number,
  extent: Extent & { readonly length: number },
): Error {
  const { start, keySize, valueSize, length } = extent;
  const sizes = `a key of ${keySize} and a value of ${valueSize} bytes`;
  const what = `element ${index} at byte ${start} with ${sizes} does not fit in ${length} bytes`;
  return formatError(place.path, `${place.label}: ${what}`);
}

/** Keys rise strictly; the first one may equal the lower bound that the parent gives. */
function checkOrder(
  place: PagePlace,
  index: number,
  key: Buffer,
  previous: Buffer | undefined,
): void {
  if (previous !== undefined) {
    const order = compareBytes(previous, key);
    if (order < 0) return;
    const found = order === 0 ? "=" : "<";
    const what =
      `key[${index}]=(hex)${key.toString("hex")} needs to be > (found ${found}) than ` +
      `previous element (hex)${previous.toString("hex")}`;
    throw formatError(place.path, `${place.label}: ${what}`);
  }
  if (place.low !== undefined && compareBytes(place.low, key) > 0) {
    const what =
      `the first key[${index}]=(hex)${key.toString("hex")} needs to be >= the key in the ` +
      `ancestor (${place.low.toString("hex")})`;
    throw formatError(place.path, `${place.label}: ${what}`);
  }
}

function checkHigh(place: PagePlace, last: Buffer | undefined): void {
  if (last === undefined || place.high === undefined) return;
  if (compareBytes(last, place.high) < 0) return;
  const what =
    `the last key (hex)${last.toString("hex")} needs to be < than key of the next element in ` +
    `ancestor (hex)${place.high.toString("hex")}`;
  throw formatError(place.path, `${place.label}: ${what}`);
}
