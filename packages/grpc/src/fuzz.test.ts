import { createPrng, type Prng } from "@kvorum/base";
import { expect, it } from "vitest";
import { CLIENT_PREFACE, FrameType } from "./frame.js";
import { startHarness, testSeed } from "./testing/harness.js";
import {
  dataFrame,
  frame,
  grpcMessage,
  headersFrame,
  RawClient,
  requestFields,
  settingsFrame,
  uint32,
  unaryRequest,
  windowUpdate,
} from "./testing/raw-client.js";

const PATHS = ["Unary", "Copy", "Fail", "Hang", "Bidi", "Download", "Nothing"];

/** A frame that may well be valid, so that the fuzzer gets beyond the first check. */
function likelyFrame(prng: Prng): Buffer {
  const streamId = prng.below(12);
  const flags = prng.below(2) === 0 ? [0, 1, 4, 5, 8, 0x20][prng.below(6)]! : prng.below(256);
  const noise = Buffer.from(Array.from({ length: prng.below(40) }, () => prng.below(256)));
  switch (prng.below(10)) {
    case 0:
    case 1:
      return headersFrame(streamId, requestFields(`/test.Echo/${PATHS[prng.below(7)]}`), flags);
    case 2:
      return dataFrame(streamId, grpcMessage(noise, prng.below(3)), flags);
    case 3:
      return dataFrame(streamId, noise, flags);
    case 4:
      return windowUpdate(streamId, prng.below(2) === 0 ? prng.below(1000) : prng.below(2 ** 31));
    case 5:
      return settingsFrame([prng.below(8), prng.below(2) === 0 ? 65_535 : prng.below(2 ** 32)]);
    case 6:
      return frame(FrameType.RST_STREAM, 0, streamId, uint32(prng.below(20)));
    case 7:
      return frame(FrameType.PING, flags, prng.below(5) === 0 ? streamId : 0, Buffer.alloc(8));
    case 8:
      return unaryRequest(2 * prng.below(50) + 1, "/test.Echo/Unary", noise);
    default:
      return frame(prng.below(14), flags, streamId, noise);
  }
}

function damaged(bytes: Buffer, prng: Prng): Buffer {
  const copy = Buffer.from(bytes);
  for (let i = prng.below(3); i > 0 && copy.length > 0; i--) {
    copy[prng.below(copy.length)] = prng.below(256);
  }
  return prng.below(8) === 0 ? copy.subarray(0, prng.below(copy.length + 1)) : copy;
}

it("survives what a hostile client sends, and serves the others meanwhile", async () => {
  const seed = testSeed();
  console.log(`KVORUM_SEED=${seed}`);
  const prng = createPrng(seed);
  const harness = await startHarness({ limits: { lingerMs: 50 } });
  const witness = await RawClient.handshake(harness.port);
  let ended = 0;
  for (let round = 0; round < 400; round++) {
    const hostile = await RawClient.open(harness.port);
    const parts: Buffer[] = [Buffer.from(CLIENT_PREFACE), settingsFrame()];
    for (let i = prng.below(40); i >= 0; i--) {
      const bytes = likelyFrame(prng);
      parts.push(prng.below(4) === 0 ? damaged(bytes, prng) : bytes);
    }
    const all = Buffer.concat(parts);
    const cut = prng.below(all.length);
    hostile.send(all.subarray(0, cut));
    if (prng.below(2) === 0) await new Promise((resolve) => setImmediate(resolve));
    hostile.send(all.subarray(cut));
    const streamId = 2 * round + 1;
    witness.send(unaryRequest(streamId, "/test.Echo/Unary", Buffer.from(`${round}`)));
    expect((await witness.trailers(streamId)).get("grpc-status")).toBe("0");
    if (hostile.isClosed || hostile.frames.some((f) => f.type === FrameType.GOAWAY)) ended++;
    hostile.close();
  }
  // Otherwise the fuzzer would be testing nothing.
  expect(ended).toBeGreaterThan(50);
  witness.close();
  while (harness.server.stat().connections > 0) await new Promise((r) => setTimeout(r, 5));
  await harness.close();
});
