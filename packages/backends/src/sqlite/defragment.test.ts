import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { collectNow } from "../conformance/context.js";
import { revisionKey } from "../conformance/model.js";
import type { DefragmentProgress, Op } from "../port.js";
import { engine } from "./engine.js";

const directory = mkdtempSync(join(tmpdir(), "kvorum-sqlite-defragment-"));
afterAll(() => rmSync(directory, { recursive: true }));

test("closing the store ends a defragmentation after the step under way", async () => {
  const put = (number: number): Op => {
    return { bucket: "key", key: revisionKey(number, 0), value: Buffer.alloc(4_000, number) };
  };
  const puts = Array.from({ length: 2_000 }, (_, i) => put(i));
  const store = await engine.open({ directory });
  await store.commit(puts);
  await store.commit(puts.slice(100).map((op) => ({ ...op, value: undefined })));
  const steps: DefragmentProgress[] = [];
  let closed: Promise<void> | undefined;
  const defragmentation = store.defragment((step) => {
    steps.push(step);
    if (steps.length === 2) closed = store.close();
  });
  await expect(defragmentation).rejects.toMatchObject({ code: "CLOSED" });
  await closed;
  expect(steps).toHaveLength(2);
  expect(steps[1]!.doneBytes).toBeGreaterThan(0);
  expect(steps[1]!.doneBytes).toBeLessThan(steps[1]!.totalBytes);

  const again = await engine.open({ directory });
  expect(await collectNow(again, "key")).toHaveLength(100);
  await again.defragment(() => {});
  const { sizeBytes, sizeInUseBytes } = again.stat();
  expect(sizeBytes).toBe(sizeInUseBytes);
  await again.close();
});
