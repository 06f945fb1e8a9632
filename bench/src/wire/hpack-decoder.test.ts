import { describe, expect, it } from "vitest";
import { BenchError } from "../bench-error.js";
import { HpackDecoder } from "./hpack-decoder.js";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

/** Literals, plain: pattern, name, value. */
function literal(pattern: number, name: string, value: string): Buffer {
  const text = (part: string): Buffer =>
    Buffer.concat([Buffer.from([part.length]), Buffer.from(part, "latin1")]);
  return Buffer.concat([Buffer.from([pattern]), text(name), text(value)]);
}

function decode(target: HpackDecoder, ...blocks: Buffer[]): HpackDecoder {
  for (const block of blocks) target.decode(block, 0, block.length);
  return target;
}

describe("HpackDecoder", () => {
  it("reads what grpc-go sends: a first reply and the indexed ones after it", () => {
    // :status 200, content-type: application/grpc (indexed 62), then the trailers' two fields.
    const head = hex("88 5f8b1d75d0620d263d4c4d6564");
    const trailers = hex("40889acac8b21234da8f 01 30 40899acac8b5254207317f 00");
    const target = decode(new HpackDecoder(), head, trailers);
    expect(target.grpcStatus).toBe(0);
    // Now the table holds grpc-message (62), grpc-status (63), content-type (64).
    decode(target, hex("88 c0"));
    expect([target.httpStatus, target.grpcStatus]).toEqual([200, -1]);
    decode(target, hex("bf be"));
    expect([target.httpStatus, target.grpcStatus]).toEqual([-1, 0]);
  });

  it("reads a status and its percent-coded text that are not put into the table", () => {
    const block = Buffer.concat([
      literal(0, "grpc-status", "14"),
      literal(0x10, "grpc-message", "no leader: %E2%82%AC"),
    ]);
    const target = decode(new HpackDecoder(), block);
    expect(target.grpcStatus).toBe(14);
    expect(target.grpcMessage).toBe("no leader: €");
    expect(() => decode(target, hex("be"))).toThrow(/absent entry 62/);
  });

  it("evicts the oldest, and everything for a table of size 0", () => {
    const target = decode(new HpackDecoder(), literal(0x40, "grpc-status", "5"));
    // 100 bytes hold one entry of 45, not two of 45 and 60.
    decode(target, hex("3f45"), literal(0x40, "x".repeat(20), "y".repeat(8)), hex("be"));
    expect(target.grpcStatus).toBe(-1);
    expect(() => decode(target, hex("bf"))).toThrow(/absent entry 63/);
    decode(target, hex("20"));
    expect(() => decode(target, hex("be"))).toThrow(/absent entry 62/);
  });

  it.each([
    ["index 0", "80"],
    ["a block that ends in a string", "4003 6162"],
    ["a table larger than the announced one", "3fe2 1f"],
    ["an endless integer", "ff 8080 8080 8080 00"],
    ["a Huffman string with a wrong padding", "00 01 61 81 00"],
    ["a Huffman string with its end symbol", "00 01 61 84 ffffffff"],
  ])("refuses %s", (_name, block) => {
    expect(() => decode(new HpackDecoder(), hex(block))).toThrow(BenchError);
  });
});
