import type { ConnectionOptions } from "node:tls";
import { nodeClock } from "@kvorum/base/node";
import type { Config, DiscoveryService } from "../config/config.js";
import {
  type BootstrapSettings,
  formatInitialCluster,
  parseInitialCluster,
  verifyBootstrap,
  verifyJoin,
} from "../config/initial-cluster.js";
import type { InitialCluster } from "../member-options.js";
import { memberId } from "../membership/ids.js";
import type { Logger } from "../observe/logger.js";
import { readConfiguredFile } from "../tls/watched-files.js";
import { EtcdKv } from "./etcd-kv.js";
import { joinDiscovery } from "./join-discovery.js";
import { nodeDns } from "./node-dns.js";
import { clusterFromSrv } from "./srv-cluster.js";
import { findUrlMismatch, type NameLookup } from "./url-mismatch.js";

/**
 * The first configuration of a cluster, as it was given or as discovery finds it.
 * @throws Error with etcd's message when it is wrong or can't be found
 */
export async function initialClusterOf(config: Config, logger: Logger): Promise<InitialCluster> {
  const { name } = config.member;
  const { discovery, advertisePeerUrls, initialCluster, initialClusterState } = config.clustering;
  const own = { name, advertisePeerUrls, mismatch: undefined };
  switch (discovery.kind) {
    case "none": {
      if (initialClusterState === "existing") return namedUrls(initialCluster, own, verifyJoin);
      const mismatch = await ownMismatch(initialCluster, own, { ...NAME_LOOKUP, logger });
      return namedUrls(initialCluster, { ...own, mismatch }, verifyBootstrap);
    }
    case "srv": {
      const { domain, serviceName } = discovery;
      const options = { dns: nodeDns, domain, serviceName, name, advertisePeerUrls, logger };
      // Its own record was found by address, so its text need not be that of the advertised URL.
      const found = await clusterFromSrv(options);
      return namedUrls(found, own, verifyJoin);
    }
    case "etcd":
      return joinedCluster(config, discovery, logger);
  }
}

/** Ids depend on it: with a discovery service its token stands for --initial-cluster-token. */
export function clusterTokenOf({ clustering }: Config): string {
  const { discovery, initialClusterToken } = clustering;
  return discovery.kind === "etcd" ? discovery.token : initialClusterToken;
}

async function joinedCluster(
  { member, clustering }: Config,
  service: DiscoveryService,
  logger: Logger,
): Promise<InitialCluster> {
  const { name } = member;
  const { advertisePeerUrls } = clustering;
  const { token, endpoints, dialTimeoutMs, requestTimeoutMs, userName, password } = service;
  const urls = advertisePeerUrls.map((url) => url.href);
  const self = formatInitialCluster([{ name, peerUrls: advertisePeerUrls }]);
  const kv = new EtcdKv({
    endpoints,
    dialTimeoutMs,
    requestTimeoutMs,
    clock: nodeClock,
    tls: tlsOf(service),
    user: userName === "" ? undefined : { name: userName, password },
  });
  logger.info("Bootstrapping cluster using v3 discovery.");
  try {
    const id = memberId(urls, token);
    const found = await joinDiscovery({ kv, token, id, self, clock: nodeClock, logger });
    const own = { name, advertisePeerUrls, mismatch: undefined };
    return namedUrls(found, own, ({ members }) => {
      const all = members.flatMap((each) => each.peerUrls.map((url) => url.href));
      if (new Set(all).size === all.length) return undefined;
      return `discovery cluster ${formatInitialCluster(members)} has duplicate url`;
    });
  } finally {
    kv.close();
  }
}

const NAME_LOOKUP = { dns: nodeDns, clock: nodeClock };

/** How the own URLs in `text` differ from the advertised ones; names are looked up where they do. */
async function ownMismatch(
  text: string,
  { name, advertisePeerUrls }: Pick<BootstrapSettings, "name" | "advertisePeerUrls">,
  lookup: NameLookup,
): Promise<string | undefined> {
  const parsed = parseInitialCluster(text);
  // What is wrong then is told by the other checks.
  const own = parsed.kind === "ok" && parsed.members.find((member) => member.name === name);
  return own ? await findUrlMismatch(advertisePeerUrls, own.peerUrls, lookup) : undefined;
}

function namedUrls(
  text: string,
  own: Omit<BootstrapSettings, "members">,
  verify: typeof verifyBootstrap,
): InitialCluster {
  const parsed = parseInitialCluster(text);
  if (parsed.kind === "error") throw new Error(parsed.message);
  const problem = verify({ ...own, members: parsed.members });
  if (problem !== undefined) throw new Error(problem);
  return new Map(
    parsed.members.map(({ name, peerUrls }) => [name, peerUrls.map((url) => url.href)]),
  );
}

/** Undefined: plain text, but for endpoints that say https. */
function tlsOf(service: DiscoveryService): ConnectionOptions | undefined {
  const { certFile, keyFile, caFile, insecureTransport, insecureSkipVerify } = service;
  const hasFiles = certFile !== undefined || keyFile !== undefined || caFile !== undefined;
  if (!hasFiles && insecureTransport && !insecureSkipVerify) return undefined;
  const file = (name: "cert" | "key" | "ca", path: string | undefined) =>
    path === undefined ? {} : { [name]: readConfiguredFile(path) };
  return {
    rejectUnauthorized: !insecureSkipVerify,
    ...file("cert", certFile),
    ...file("key", keyFile),
    ...file("ca", caFile),
  };
}
