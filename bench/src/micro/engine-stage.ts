import type { Backend, Op } from "@kvorum/backends";
import { createPrng } from "@kvorum/base";
import { encodeRevisionKey } from "@kvorum/mvcc";
import { RECORDS, type Stage, VALUE_BYTES } from "./stage.js";

/** What the committer gives an engine at a time under load. */
const COMMIT_OPS = 10_000;
const GETS = 1000;

/** The Backend port: commits as the committer makes them, point reads, a scan of everything. */
export const ENGINE_STAGE: Stage = {
  name: "engine",
  isPerEngine: true,
  async open({ directory, engine }) {
    const prng = createPrng(1);
    const backend = await engine.open({ directory });
    const random = Buffer.from(Array.from({ length: 65_536 }, () => prng.below(256)));
    let revision = 2;
    const nextOps = (count: number): Op[] =>
      Array.from({ length: count }, () => {
        const from = prng.below(random.length - VALUE_BYTES);
        const value = random.subarray(from, from + VALUE_BYTES);
        return { bucket: "key", key: encodeRevisionKey(revision++, 0), value };
      });
    while (revision < RECORDS) await backend.commit(nextOps(COMMIT_OPS));
    const last = revision;
    return {
      cases: [
        {
          name: "commit of 10,000 records",
          operations: COMMIT_OPS,
          run: () => backend.commit(nextOps(COMMIT_OPS)),
        },
        { name: "commit of 1 record", operations: 1, run: () => backend.commit(nextOps(1)) },
        {
          name: "get",
          operations: GETS,
          run() {
            for (let i = 0; i < GETS; i++) {
              backend.get("key", encodeRevisionKey(2 + prng.below(last - 2), 0));
            }
          },
        },
        { name: "scan of 50,000 records", operations: RECORDS, run: () => scan(backend) },
      ],
      close: () => backend.close(),
    };
  },
};

async function scan(backend: Backend): Promise<void> {
  const view = await backend.view();
  let seen = 0;
  const range = { start: encodeRevisionKey(0, 0), end: encodeRevisionKey(RECORDS, 0) };
  for await (const batch of view.scan("key", range)) seen += batch.keys.length;
  await view.close();
  if (seen < RECORDS - 2) throw new Error(`a scan found ${seen} of ${RECORDS} records`);
}
