import { execFileSync } from "node:child_process";
import { findEtcd } from "./processes.js";

/** Why the real etcd of this machine can't be in one cluster with Kvorum; undefined: it can. */
export function whyNotMixed(): string | undefined {
  const etcd = findEtcd();
  if (etcd === undefined) return "no etcd on PATH or in KVORUM_TEST_ETCD";
  const text = execFileSync(etcd, ["--version"], { encoding: "utf8" });
  const [, major = 0, minor = 0] = (/(\d+)\.(\d+)\.\d+/.exec(text) ?? []).map(Number);
  const isOld = major < 3 || (major === 3 && minor < 6);
  return isOld ? `${etcd} is ${major}.${minor}, and clusters are mixed from 3.6 on` : undefined;
}
