import { apiErrorText } from "@kvorum/api";
import type { Backend } from "@kvorum/backends";
import { SimulatedClock } from "@kvorum/base";
import { expect, test } from "vitest";
import type { MemberOptions } from "./member-options.js";
import { StoreMaintenance } from "./store-maintenance.js";
import { openContent } from "./testing/open-content.js";

test("a defragmentation under way ends at its next step when the member stops", async () => {
  const clock = new SimulatedClock();
  const opened = await openContent(clock);
  let steps = 0;
  let nextStep = (): void => {};
  const backend: Pick<Backend, "defragment"> = {
    async defragment(onProgress) {
      for (; steps < 10; steps++) {
        onProgress({ doneBytes: steps, totalBytes: 10 });
        await new Promise<void>((resolve) => {
          nextStep = resolve;
        });
      }
    },
  };
  const quiet = (): void => {};
  const member: Partial<MemberOptions> = {
    clock,
    logger: { debug: quiet, info: quiet, warn: quiet, error: quiet, fatal: quiet },
  };
  const maintenance = new StoreMaintenance({
    member: member as MemberOptions,
    opened: { ...opened, backend: { ...opened.backend, ...backend } },
    snapDirectory: "/snap",
  });
  const defragmentation = maintenance.defragment();
  nextStep();
  await Promise.resolve();
  expect(maintenance.isDefragmenting).toBe(true);
  maintenance.stop();
  nextStep();
  await expect(defragmentation).rejects.toThrow(apiErrorText("stopped"));
  expect(steps).toBe(2);
  expect(maintenance.isDefragmenting).toBe(false);
});
