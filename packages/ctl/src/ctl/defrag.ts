import { nodeClock } from "@kvorum/base/node";
import { CtlError, errorText } from "../cli/ctl-error.js";
import { goDuration } from "../output/go-text.js";
import { clusterEndpoints, clusterFlag } from "./cluster-endpoints.js";
import { ctlVerb } from "./context.js";

export const defrag = ctlVerb({
  name: "defrag",
  usage: "defrag",
  summary: "Defragments the storage of the etcd members with given endpoints",
  flags: clusterFlag,
  async run(context, { flags }) {
    const { io } = context;
    let failed: unknown;
    for (const endpoint of await clusterEndpoints(context, flags)) {
      const { maintenance } = await context.client([endpoint]);
      const startMs = nodeClock.nowMs();
      const took = () => goDuration(nodeClock.nowMs() - startMs);
      try {
        await maintenance.defragment({ timeoutMs: context.timeoutMs });
        io.stdout.write(`Finished defragmenting etcd member[${endpoint}]. took ${took()}\n`);
      } catch (error) {
        failed = error;
        const text = errorText(error);
        const what = `Failed to defragment etcd member[${endpoint}]. took ${took()}.`;
        io.stderr.write(`${what} (${text})\n`);
      }
    }
    // What failed has been said, endpoint by endpoint.
    if (failed !== undefined) throw new CtlError("error", "", { cause: failed });
  },
});
