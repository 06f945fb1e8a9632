import type { Tool } from "../cli/program.js";
import { CtlContext } from "./context.js";
import { get } from "./get.js";
import { globals } from "./globals.js";
import { put } from "./put.js";
import { snapshotSave } from "./snapshot-save.js";

/** kvorumctl: etcdctl's verbs. */
export const kvorumctl: Tool<CtlContext> = {
  name: "kvorumctl",
  summary: "A simple command line client for etcd3.",
  globals,
  environmentPrefixes: ["ETCDCTL", "KVORUMCTL"],
  entries: [
    get,
    put,
    { name: "snapshot", summary: "Manages etcd node snapshots", verbs: [snapshotSave] },
  ],
  createContext: (io, given) => new CtlContext(io, given),
  closeContext: (context) => context.close(),
};
