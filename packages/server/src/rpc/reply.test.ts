import {
  HeaderEncoder,
  type RawRangeResponse,
  WireWriter,
  writeRangeChunk,
  writeResponse,
} from "@kvorum/api";
import type { ClusterId, MemberId } from "@kvorum/base";
import type { MessagePart, StreamCall, UnaryCall } from "@kvorum/grpc";
import { expect, test } from "vitest";
import { Replier } from "./reply.js";

const TERM = 3;

const header = new HeaderEncoder({ clusterId: 7n as ClusterId, memberId: 8n as MemberId });
const replier = new Replier({ header, term: () => TERM, revision: () => 900 });

/** Collects what is sent, whichever way it goes. */
class Recorder {
  sent = Buffer.alloc(0);
  sources = 0;

  readonly respondCopy = (scratch: Uint8Array, length: number): void => {
    this.sent = Buffer.from(scratch.subarray(0, length));
  };
  readonly respondParts = (parts: readonly MessagePart[]): void => {
    this.sent = Buffer.concat(parts.map((part) => this.#bytesOf(part)));
  };
  readonly writeParts = (parts: readonly MessagePart[]): boolean => {
    this.respondParts(parts);
    return true;
  };
  readonly write = (message: Uint8Array): boolean => {
    this.respondParts([message]);
    return true;
  };

  #bytesOf(part: MessagePart): Uint8Array {
    if (part instanceof Uint8Array) return part;
    this.sources++;
    const bytes = new Uint8Array(part.length);
    part.copyNext(bytes, 0, part.length);
    return bytes;
  }
}

function rangeOf(records: number, options: { readonly more: boolean }): RawRangeResponse {
  const kvs = Array.from({ length: records }, (_, i) => Buffer.alloc(100 + (i % 90), i));
  return { kind: "range", revision: 1_000, kvs, more: options.more, count: records + 70 };
}

test.each([0, 5, 500])(
  "a range of %i records is answered in the bytes of its encoding",
  (records) => {
    for (const more of [false, true]) {
      const response = rangeOf(records, { more });
      const recorder = new Recorder();
      replier.respond(recorder as unknown as UnaryCall, response);
      const writer = new WireWriter();
      writeResponse(writer, header, TERM, response);
      expect(recorder.sent.equals(writer.toBytes())).toBe(true);
      expect(recorder.sources).toBe(records === 500 ? 1 : 0);
    }
  },
);

test.each([5, 500])("so is each message of a stream, here of %i records", (records) => {
  for (const isLast of [false, true]) {
    const whole = rangeOf(records, { more: true });
    const response = isLast ? whole : { ...whole, revision: 0, more: false, count: 0 };
    const recorder = new Recorder();
    replier.sendChunk(recorder as unknown as StreamCall, response, isLast);
    const writer = new WireWriter();
    writeRangeChunk(writer, response, isLast ? { encoder: header, term: TERM } : undefined);
    expect(recorder.sent.equals(writer.toBytes())).toBe(true);
    expect(recorder.sources).toBe(records === 500 && !isLast ? 1 : 0);
  }
});
