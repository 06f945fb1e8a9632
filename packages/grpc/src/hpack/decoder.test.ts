import { createPrng } from "@kvorum/base";
import { describe, expect, it } from "vitest";
import { ErrorCode, Http2Error } from "../http2-error.js";
import { testSeed } from "../testing/harness.js";
import { HpackDecoder } from "./decoder.js";
import { encodeFields, encodeInteger, type Field } from "./encoder.js";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

function decoder(tableBytesMax = 4096, listBytesMax = 1 << 16): HpackDecoder {
  return new HpackDecoder({ tableBytesMax, listBytesMax });
}

function decodeAll(target: HpackDecoder, block: Buffer): string[] {
  const fields = target.decode(block, 0, block.length) ?? [];
  const lines: string[] = [];
  for (let i = 0; i < fields.length; i += 2) lines.push(`${fields[i]}: ${fields[i + 1]}`);
  return lines;
}

function failure(run: () => unknown): number | undefined {
  try {
    run();
  } catch (error) {
    if (error instanceof Http2Error) return error.errorCode;
    throw error;
  }
  return undefined;
}

const FIRST_REQUEST = [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"];
const REQUESTS = [
  FIRST_REQUEST,
  [...FIRST_REQUEST, "cache-control: no-cache"],
  [
    ":method: GET",
    ":scheme: https",
    ":path: /index.html",
    ":authority: www.example.com",
    "custom-key: custom-value",
  ],
];
const RESPONSES = [
  [
    ":status: 302",
    "cache-control: private",
    "date: Mon, 21 Oct 2013 20:13:21 GMT",
    "location: https://www.example.com",
  ],
  [
    ":status: 307",
    "cache-control: private",
    "date: Mon, 21 Oct 2013 20:13:21 GMT",
    "location: https://www.example.com",
  ],
  [
    ":status: 200",
    "cache-control: private",
    "date: Mon, 21 Oct 2013 20:13:22 GMT",
    "location: https://www.example.com",
    "content-encoding: gzip",
    "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
  ],
];

describe("RFC 7541 Appendix C", () => {
  it.each([
    [
      "C.2.1",
      "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
      "custom-key: custom-header",
    ],
    ["C.2.2", "040c 2f73 616d 706c 652f 7061 7468", ":path: /sample/path"],
    ["C.2.3", "1008 7061 7373 776f 7264 0673 6563 7265 74", "password: secret"],
    ["C.2.4", "82", ":method: GET"],
  ])("%s", (_name, block, line) => {
    expect(decodeAll(decoder(), hex(block))).toEqual([line]);
  });

  it.each([
    [
      "C.3 requests, plain",
      4096,
      [
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
      ],
      REQUESTS,
    ],
    [
      "C.4 requests, Huffman",
      4096,
      [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
      ],
      REQUESTS,
    ],
    [
      "C.5 responses with eviction, plain",
      256,
      [
        "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133" +
          "2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70" +
          "6c65 2e63 6f6d",
        "4803 3330 37c1 c0bf",
        "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d" +
          "54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049" +
          "5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e" +
          "3d31",
      ],
      RESPONSES,
    ],
    [
      "C.6 responses with eviction, Huffman",
      256,
      [
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6" +
          "2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
        "4883 640e ffc1 c0bf",
        "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab" +
          "77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f" +
          "9587 3160 65c0 03ed 4ee5 b106 3d50 07",
      ],
      RESPONSES,
    ],
  ])("%s", (_name, tableBytes, blocks, lists) => {
    const target = decoder(tableBytes);
    expect(blocks.map((block) => decodeAll(target, hex(block)))).toEqual(lists);
  });

  it("C.1 integers", () => {
    expect(encodeInteger(0, 5, 10)).toEqual(hex("0a"));
    expect(encodeInteger(0, 5, 1337)).toEqual(hex("1f9a0a"));
    expect(encodeInteger(0, 8, 42)).toEqual(hex("2a"));
  });
});

describe("HpackDecoder", () => {
  it.each([
    ["index 0", "80"],
    ["an index beyond the tables", "be"],
    ["a name index beyond the tables", "7f00 01 61"],
    ["a block that ends within an integer", "ff"],
    ["a block that ends before a name", "40"],
    ["a block that ends within a string", "4003 6162"],
    ["a block that ends before a value", "4001 61"],
    ["an integer that is too large", "ff ffff ffff 7f"],
    ["an endless integer", "ff 8080 8080 8080 00"],
    ["a table size above the announced one", "3fe2 1f"],
    ["a table size update after a field", "8220"],
    ["EOS in a string", "0084 ffff ffff 00"],
    ["padding of more than 7 bits", "0082 1fff 00"],
    ["padding with zeros", "0081 00 00"],
  ])("refuses %s", (_name, block) => {
    const bytes = hex(block);
    expect(failure(() => decoder().decode(bytes, 0, bytes.length))).toBe(
      ErrorCode.COMPRESSION_ERROR,
    );
  });

  it("takes size updates at the start of a block, and evicts", () => {
    const target = decoder();
    decodeAll(target, hex("4001 6101 62"));
    expect(decodeAll(target, hex("be"))).toEqual(["a: b"]);
    expect(decodeAll(target, hex("20 3fe1 1f 82"))).toEqual([":method: GET"]);
    expect(failure(() => decodeAll(target, hex("be")))).toBe(ErrorCode.COMPRESSION_ERROR);
  });

  it("drops a list above its limit and stays in step", () => {
    const target = decoder(4096, 100);
    const block = hex(`4001 6101 62 ${"be".repeat(10)}`);
    expect(target.decode(block, 0, block.length)).toBeUndefined();
    expect(decodeAll(target, hex("be"))).toEqual(["a: b"]);
  });

  it("changes its version exactly with the table", () => {
    const target = decoder();
    const before = target.tableVersion;
    decodeAll(target, hex("8286 0001 6101 62 1001 6101 62"));
    expect(target.tableVersion).toBe(before);
    decodeAll(target, hex("4001 6101 62"));
    expect(target.tableVersion).not.toBe(before);
  });

  it("reads back what the encoder writes", () => {
    const seed = testSeed();
    console.log(`KVORUM_SEED=${seed}`);
    const prng = createPrng(seed);
    const text = (max: number): string =>
      String.fromCharCode(...Array.from({ length: prng.below(max) }, () => prng.below(256)));
    for (let round = 0; round < 300; round++) {
      const fields: Field[] = Array.from({ length: prng.below(8) }, () => [text(40), text(200)]);
      const block = encodeFields(fields);
      expect(decoder().decode(block, 0, block.length)).toEqual(fields.flat());
    }
  });
});
