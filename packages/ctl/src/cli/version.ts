/** The etcd release whose tools these stand for, and its API. */
const ETCD_VERSION = "3.7.1";
const API_VERSION = "3.7";
/** Kvorum's own release. */
const KVORUM_VERSION = "0.1.0";

/** The lines that scripts read by their prefix or position, then one of Kvorum's own. */
export function versionText(etcdTool: string, tool: string): string {
  return [
    `${etcdTool} version: ${ETCD_VERSION}`,
    `API version: ${API_VERSION}`,
    `${tool} version: ${KVORUM_VERSION}`,
    "",
  ].join("\n");
}
