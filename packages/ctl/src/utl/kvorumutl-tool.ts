import type { FlagValues } from "../cli/flags.js";
import type { Tool } from "../cli/program.js";
import { globals, type UtlContext } from "./context.js";
import { defrag } from "./defrag.js";
import { snapshotRestore } from "./snapshot-restore.js";
import { snapshotStatus } from "./snapshot-status.js";
import { version } from "./version.js";

/** kvorumutl: etcdutl's verbs, for files and data directories of a member that does not run. */
export const kvorumutl: Tool<UtlContext> = {
  name: "kvorumutl",
  summary: "An administrative command line tool for etcd3.",
  globals,
  environmentPrefixes: [],
  entries: [
    defrag,
    {
      name: "snapshot",
      summary: "Manages etcd node snapshots",
      verbs: [snapshotRestore, snapshotStatus],
    },
    version,
  ],
  createContext: (io, { values }) => {
    // Every global flag has a value of its own type: the program has read it so.
    return { io, flags: Object.fromEntries(values) as unknown as FlagValues<typeof globals> };
  },
  closeContext: () => undefined,
};
