import { SimulatedClock } from "@kvorum/base";
import { expect, it } from "vitest";
import { recordingLogger } from "../observe/testing/recording-logger.js";
import { defragmentAtStart } from "./defragment-at-start.js";

const SIZE_BYTES = 5000;
const IN_USE_BYTES = 2000;

async function start(thresholdBytes: number | undefined): Promise<string[]> {
  const did: string[] = [];
  let sizeBytes = SIZE_BYTES;
  const backend = {
    stat: () => ({ sizeBytes, sizeInUseBytes: IN_USE_BYTES }),
    defragment: async () => {
      did.push("defragmented");
      sizeBytes = IN_USE_BYTES;
    },
  };
  await defragmentAtStart(backend, {
    ...(thresholdBytes === undefined ? {} : { defragmentAtStartBytes: thresholdBytes }),
    clock: new SimulatedClock(),
    logger: recordingLogger((_level, message, fields) => {
      did.push(`${message} ${fields["current-db-size-bytes"]}`);
    }),
  });
  return did;
}

it("gives space back from the threshold on", async () => {
  const freeable = SIZE_BYTES - IN_USE_BYTES;
  const done = ["starting defragment 5000", "defragmented", "finished defragment 2000"];
  expect(await start(freeable)).toEqual(done);
  expect(await start(freeable + 1)).toEqual(["Skipping defragmentation 5000"]);
  expect(await start(0)).toEqual([]);
  expect(await start(undefined)).toEqual([]);
});
