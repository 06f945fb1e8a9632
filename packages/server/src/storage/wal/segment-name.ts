import { hex16, type LogIndex } from "@kvorum/base";

/** Segments are counted from 0; `index` is that of the first entry that may stand in the file. */
export interface SegmentName {
  readonly name: string;
  readonly sequence: number;
  readonly index: LogIndex;
}

export function segmentName(sequence: number, index: LogIndex): SegmentName {
  return { name: `${hex16(sequence)}-${hex16(index)}.wal`, sequence, index };
}

/** @returns undefined for any other file, which a reader leaves alone */
export function parseSegmentName(name: string): SegmentName | undefined {
  const match = /^([0-9a-f]{16})-([0-9a-f]{16})\.wal$/.exec(name);
  if (match === null) return undefined;
  const sequence = Number.parseInt(match[1]!, 16);
  const index = Number.parseInt(match[2]!, 16);
  return Number.isSafeInteger(sequence) && Number.isSafeInteger(index)
    ? { name, sequence, index }
    : undefined;
}

/** The segments among `names`, in order. */
export function segmentsAmong(names: readonly string[]): SegmentName[] {
  const found = names.map(parseSegmentName).filter((segment) => segment !== undefined);
  return found.sort((left, right) => left.sequence - right.sequence);
}
