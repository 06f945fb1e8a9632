/** The etcd release whose behaviour this server has; clients and peers compare it. */
export const etcdVersion = "3.7.1";

/** Kvorum's own release. */
export const kvorumVersion = "0.1.0";

/** A cluster version as etcd's log shows it: "3.7" for "3.7.0". */
export function majorMinor(version: string): string {
  return version.split(".", 2).join(".");
}

/** What the process runs on; given by the host, because reading it is no business of pure code. */
export interface Runtime {
  /** "v20.20.0" */
  readonly nodeVersion: string;
  /** As in `process.platform`. */
  readonly platform: string;
  /** As in `process.arch`. */
  readonly architecture: string;
}

const GO_ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };

/**
 * The text of `--version`: etcd's four lines, which scripts read by their prefix or position, with
 * what is true here, then a line of Kvorum's own.
 */
export function versionText(runtime: Runtime): string {
  const architecture = GO_ARCHITECTURES[runtime.architecture] ?? runtime.architecture;
  return [
    `etcd Version: ${etcdVersion}`,
    "Git SHA: Not provided",
    `Go Version: none (Node.js ${runtime.nodeVersion})`,
    `Go OS/Arch: ${runtime.platform}/${architecture}`,
    `kvorum Version: ${kvorumVersion}`,
    "",
  ].join("\n");
}
