import type { Tool } from "../cli/program.js";
import { alarm } from "./alarm.js";
import { auth } from "./auth.js";
import { compaction } from "./compaction.js";
import { CtlContext } from "./context.js";
import { defrag } from "./defrag.js";
import { del } from "./delete.js";
import { elect } from "./elect.js";
import { endpoint } from "./endpoint.js";
import { get } from "./get.js";
import { globals } from "./globals.js";
import { lease } from "./lease.js";
import { lock } from "./lock.js";
import { member } from "./member.js";
import { moveLeader } from "./move-leader.js";
import { options } from "./options.js";
import { put } from "./put.js";
import { role } from "./role.js";
import { snapshotSave } from "./snapshot-save.js";
import { txn } from "./txn.js";
import { user } from "./user.js";
import { version } from "./version.js";
import { watch } from "./watch.js";

/** kvorumctl: etcdctl's verbs. */
export const kvorumctl: Tool<CtlContext> = {
  name: "kvorumctl",
  summary: "A simple command line client for etcd3.",
  globals,
  environmentPrefixes: ["ETCDCTL", "KVORUMCTL"],
  entries: [
    get,
    put,
    del,
    txn,
    compaction,
    alarm,
    defrag,
    endpoint,
    moveLeader,
    watch,
    lock,
    elect,
    version,
    options,
    lease,
    member,
    auth,
    user,
    role,
    { name: "snapshot", summary: "Manages etcd node snapshots", verbs: [snapshotSave] },
  ],
  createContext: (io, given) => new CtlContext(io, given),
  closeContext: (context) => context.close(),
};
