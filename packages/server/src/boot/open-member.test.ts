import { type Backend, createMemoryEngine, MemoryDisk } from "@kvorum/backends";
import { createPrng, MemoryFileSystem } from "@kvorum/base";
import { nodeClock } from "@kvorum/base/node";
import { expect, test } from "vitest";
import type { MemberOptions } from "../member-options.js";
import { createMetrics } from "../observe/metrics.js";
import { recordingLogger } from "../observe/testing/recording-logger.js";
import { closeMember, openMember } from "./open-member.js";

const user = Buffer.from("a-user");

/** A data directory that counts who holds it and its engine. */
class Place {
  readonly open = { directories: 0, engines: 0 };
  readonly #disk = new MemoryDisk();
  readonly #fs = new MemoryFileSystem({ seed: 1 });

  async write(ops: Parameters<Backend["commit"]>[0]): Promise<void> {
    const backend = await createMemoryEngine({ disk: this.#disk }).open({ directory: "/data" });
    await backend.commit(ops);
    await backend.close();
  }

  options(): MemberOptions {
    const engine = createMemoryEngine({ disk: this.#disk });
    const options: Partial<MemberOptions> = {
      ...{ name: "default", dataDir: "/data", walDir: undefined, clock: nodeClock, fs: this.#fs },
      engine: {
        ...engine,
        open: async () => {
          const backend = await engine.open({ directory: "/data" });
          this.open.engines++;
          const close = backend.close.bind(backend);
          backend.close = () => {
            this.open.engines--;
            return close();
          };
          return backend;
        },
      },
      lockDirectory: async () => {
        this.open.directories++;
        return {
          release: async () => {
            this.open.directories--;
          },
        };
      },
      initialCluster: () => new Map([["default", ["http://127.0.0.1:1"]]]),
      ...{ initialClusterToken: "t", initialClusterState: "new", unsafeNoSync: false },
      ...{ commitIntervalMs: 1, commitOpsMax: 1_000, valueCacheBytes: 10_000 },
      ...{ compactionBatchKeys: 100, compactionSleepMs: 1 },
      ...{ electionTimeoutMs: 1_000, heartbeatIntervalMs: 100, prng: createPrng(1) },
      logger: recordingLogger(),
      metrics: createMetrics({
        ...{ services: [], extensive: false, clock: nodeClock },
        featureGates: {} as never,
        figures: () => ({}),
        facts: () => ({
          ...{ serverVersion: "", runtimeVersion: "", memberId: undefined },
          clusterVersion: undefined,
        }),
      }),
      onFault: (error) => {
        throw error;
      },
    };
    return options as MemberOptions;
  }
}

test("a member whose content can't be read leaves nothing open, and can be opened once it can", async () => {
  const place = new Place();
  await closeMember(await openMember(place.options()));
  expect(place.open).toEqual({ directories: 0, engines: 0 });

  // A length that goes beyond the record's end.
  const broken = Buffer.from([0x0a, 0xff]);
  await place.write([{ bucket: "authUsers", key: user, value: broken }]);
  await expect(openMember(place.options())).rejects.toThrow();
  expect(place.open).toEqual({ directories: 0, engines: 0 });

  await place.write([{ bucket: "authUsers", key: user, value: undefined }]);
  await closeMember(await openMember(place.options()));
});
