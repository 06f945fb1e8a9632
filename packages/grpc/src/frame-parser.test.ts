import { createPrng } from "@kvorum/base";
import { describe, expect, it } from "vitest";
import { CLIENT_PREFACE } from "./frame.js";
import { FrameParser } from "./frame-parser.js";
import { ErrorCode, Http2Error } from "./http2-error.js";
import { testSeed } from "./testing/harness.js";
import { frame } from "./testing/raw-client.js";

const FRAME_BYTES_MAX = 16_384;

function collect(): { parser: FrameParser; seen: string[] } {
  const seen: string[] = [];
  const parser = new FrameParser(
    {
      onFrame: (type, flags, streamId, bytes, start, end) => {
        seen.push(`${type} ${flags} ${streamId} ${bytes.toString("hex", start, end)}`);
      },
    },
    FRAME_BYTES_MAX,
  );
  return { parser, seen };
}

describe("FrameParser", () => {
  it("gives the same frames however the bytes are cut", () => {
    const seed = testSeed();
    console.log(`KVORUM_SEED=${seed}`);
    const prng = createPrng(seed);
    for (let round = 0; round < 50; round++) {
      const expected: string[] = [];
      const parts: Buffer[] = [Buffer.from(CLIENT_PREFACE)];
      for (let i = 0; i < 20; i++) {
        const payload = Buffer.alloc(prng.below(3) === 0 ? 0 : prng.below(300), prng.below(256));
        const type = prng.below(12);
        const flags = prng.below(256);
        const streamId = prng.below(2 ** 31);
        parts.push(frame(type, flags, streamId, payload));
        expected.push(`${type} ${flags} ${streamId} ${payload.toString("hex")}`);
      }
      const bytes = Buffer.concat(parts);
      const { parser, seen } = collect();
      for (let offset = 0; offset < bytes.length; ) {
        const end = offset + 1 + prng.below(round % 2 === 0 ? 12 : 400);
        parser.push(bytes.subarray(offset, end));
        offset = end;
      }
      expect(seen).toEqual(expected);
    }
  });

  it("ignores the reserved bit of the stream id", () => {
    const { parser, seen } = collect();
    parser.push(Buffer.concat([Buffer.from(CLIENT_PREFACE), frame(6, 0, 0xffff_ffff)]));
    expect(seen).toEqual(["6 0 2147483647 "]);
  });

  it.each([
    ["in one piece", 1000],
    ["byte by byte", 1],
  ])("refuses a frame above the limit, %s", (_name, step) => {
    const { parser } = collect();
    const head = frame(0, 0, 1, Buffer.alloc(FRAME_BYTES_MAX + 1)).subarray(0, 9);
    const bytes = Buffer.concat([Buffer.from(CLIENT_PREFACE), head]);
    const run = (): void => {
      for (let i = 0; i < bytes.length; i += step) parser.push(bytes.subarray(i, i + step));
    };
    expect(run).toThrow(Http2Error);
    expect(run).toThrow(expect.objectContaining({ errorCode: ErrorCode.FRAME_SIZE_ERROR }));
  });

  it("refuses another preface", () => {
    expect(() => collect().parser.push(Buffer.from("GET / HTTP/1.1\r\n"))).toThrow("preface");
  });

  it("delivers nothing after stop, not even the rest of the chunk", () => {
    let count = 0;
    const parser: FrameParser = new FrameParser(
      {
        onFrame: () => {
          count++;
          parser.stop();
        },
      },
      FRAME_BYTES_MAX,
    );
    parser.push(Buffer.concat([Buffer.from(CLIENT_PREFACE), frame(6, 0, 0), frame(6, 0, 0)]));
    parser.push(frame(6, 0, 0));
    expect(count).toBe(1);
  });
});
