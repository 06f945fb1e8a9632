import { spawnSync } from "node:child_process";

export interface FoundEtcd {
  readonly path: string;
  /** "3.7" */
  readonly release: string;
}

/** A real etcd: the one that KVORUM_TEST_ETCD names, else one on PATH; undefined: there is none. */
export function findEtcd(): FoundEtcd | undefined {
  for (const path of [process.env.KVORUM_TEST_ETCD, "etcd"]) {
    if (!path) continue;
    const { stdout } = spawnSync(path, ["--version"], { encoding: "utf8" });
    const release = /^etcd Version: (\d+\.\d+)\./.exec(stdout ?? "")?.[1];
    if (release !== undefined) return { path, release };
  }
  return undefined;
}
