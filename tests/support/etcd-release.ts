import { execFileSync } from "node:child_process";
import { findEtcd } from "./processes.js";

/** Major and minor version of an etcd. */
function releaseOf(etcd: string): readonly [major: number, minor: number] {
  const text = execFileSync(etcd, ["--version"], { encoding: "utf8" });
  const [, major = 0, minor = 0] = (/(\d+)\.(\d+)\.\d+/.exec(text) ?? []).map(Number);
  return [major, minor];
}

/** Why the real etcd of this machine can't be in one cluster with Kvorum; undefined: it can. */
export function whyNotMixed(): string | undefined {
  const etcd = findEtcd();
  if (etcd === undefined) return "no etcd on PATH or in KVORUM_TEST_ETCD";
  const [major, minor] = releaseOf(etcd);
  const isOld = major < 3 || (major === 3 && minor < 6);
  return isOld ? `${etcd} is ${major}.${minor}, and clusters are mixed from 3.6 on` : undefined;
}

/**
 * Whether the real etcd of this machine is older than 3.7: it does not join a cluster whose version
 * is 3.7, and its members disagree after some transactions.
 */
export function isBefore37(): boolean {
  const etcd = findEtcd();
  if (etcd === undefined) return false;
  const [major, minor] = releaseOf(etcd);
  return major < 3 || (major === 3 && minor < 7);
}
