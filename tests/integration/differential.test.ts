import { createPrng } from "@kvorum/base";
import { describe, expect } from "vitest";
import {
  comparable,
  comparableError,
  type Differences,
  differencesOf,
} from "../support/compare-responses.js";
import { endsEtcd } from "../support/ends-etcd.js";
import { findEtcd, startEtcd, startKvorum } from "../support/processes.js";
import { METHODS, type RandomOp, RandomOps } from "../support/random-ops.js";
import { maintenance, Rpc } from "../support/rpc.js";
import { testUnless } from "../support/skip.js";

/**
 * The same random requests to a Kvorum node and to a real etcd: every response and every error must
 * be equal, field by field. The engines together make at least 50,000 requests a run.
 */
const OPS_PER_ENGINE = Number(process.env.KVORUM_DIFFERENTIAL_OPS ?? 17_000);
const TEST_TIMEOUT_MS = 300_000;
/** Reads that follow each other are sent together. */
const READS_AT_ONCE = 16;

const seed = Number(process.env.KVORUM_SEED ?? Date.now() % 1_000_000);
const etcd = findEtcd();
const needsEtcd = testUnless(
  etcd === undefined ? "no etcd on PATH or in KVORUM_TEST_ETCD" : undefined,
);

/** What a server answered: its response, or its error in clients' terms. */
async function ask(rpc: Rpc, op: RandomOp, differences: Differences): Promise<unknown> {
  try {
    const response = await rpc.call<unknown, unknown>(METHODS[op.kind] as never, op.request);
    return comparable(op, response, differences);
  } catch (error) {
    return comparableError(op, error, differences);
  }
}

function isRead(op: RandomOp): boolean {
  return op.kind === "range" || op.kind === "leaseTimeToLive";
}

describe.each(["lmdb", "leveldb", "sqlite"])("%s answers as etcd does", (engine) => {
  needsEtcd(
    `on ${OPS_PER_ENGINE} random requests`,
    async () => {
      console.log(`differential test on ${engine}: KVORUM_SEED=${seed}`);
      const [node, real] = await Promise.all([startKvorum(engine), startEtcd(etcd!)]);
      const [ours, theirs] = [new Rpc(node.endpoint), new Rpc(real.endpoint)];
      try {
        const { version } = await theirs.call(maintenance.status, {});
        const differences = differencesOf(version);
        const ops = new RandomOps(createPrng(seed));
        let asked = 0;
        const compareAll = async (batch: readonly RandomOp[]) => {
          const answers = await Promise.all(
            batch.map((op) =>
              Promise.all([ask(ours, op, differences), ask(theirs, op, differences)]),
            ),
          );
          answers.forEach(([our, their], i) => {
            expect(our, `request ${asked + i}: ${describeOp(batch[i]!)}`).toEqual(their);
            const revision = (their as { header?: { revision?: number } }).header?.revision;
            if (revision !== undefined) ops.revision = Math.max(ops.revision, revision);
          });
          asked += batch.length;
        };
        let reads: RandomOp[] = [];
        while (asked + reads.length < OPS_PER_ENGINE) {
          const op = ops.next();
          if (endsEtcd(op)) continue;
          if (isRead(op)) reads.push(op);
          if (reads.length > 0 && (!isRead(op) || reads.length === READS_AT_ONCE)) {
            await compareAll(reads);
            reads = [];
          }
          if (!isRead(op)) await compareAll([op]);
        }
        await compareAll(reads);
        expect(asked).toBeGreaterThanOrEqual(OPS_PER_ENGINE);
        if (!version.startsWith("3.4.")) await expectEqualHashes(ours, theirs);
      } finally {
        ours.close();
        theirs.close();
        await Promise.all([node.stop(), real.stop()]);
      }
    },
    TEST_TIMEOUT_MS,
  );
});

async function expectEqualHashes(ours: Rpc, theirs: Rpc): Promise<void> {
  const [our, their] = await Promise.all(
    [ours, theirs].map((rpc) => rpc.call(maintenance.hashKV, { revision: 0 })),
  );
  expect(our?.hash).toBe(their?.hash);
  expect(our?.compactRevision).toBe(their?.compactRevision);
}

function describeOp(op: RandomOp): string {
  return JSON.stringify(op, (_name, value) => {
    if (typeof value === "bigint") return value.toString();
    return value?.type === "Buffer" ? Buffer.from(value.data).toString("latin1") : value;
  });
}
