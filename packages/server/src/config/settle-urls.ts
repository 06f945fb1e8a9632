import type { FlagValues } from "./flag-value.js";
import type { ListenUrl } from "./listen-url.js";
import type { Notice } from "./notice.js";

export interface SettledUrls {
  /** As given, or the default; the text that conflicts with discovery. */
  readonly givenInitialCluster: string;
  readonly initialCluster: string;
  readonly advertisePeerUrls: readonly ListenUrl[];
  readonly advertiseClientUrls: readonly ListenUrl[];
  readonly notices: readonly Notice[];
}

const DEFAULT_NAME = "default";
const DEFAULT_PEER_URL = "http://localhost:2380";
const DEFAULT_CLIENT_URL = "http://localhost:2379";
const DEFAULT_INITIAL_CLUSTER = `${DEFAULT_NAME}=${DEFAULT_PEER_URL}`;

/**
 * Settles the URLs that depend on one another: discovery empties the default initial cluster, a
 * listener on 0.0.0.0 with the default advertise URL advertises `defaultHost`, and a named member
 * without --initial-cluster is alone in it. Source: embed.UpdateDefaultClusterFromName.
 */
export function settleUrls(values: FlagValues, defaultHost: string | undefined): SettledUrls {
  const notices: Notice[] = [];
  const peer = replaceHost(values, {
    listen: "listen-peer-urls",
    advertise: "initial-advertise-peer-urls",
    standard: DEFAULT_PEER_URL,
    defaultHost,
  });
  const client = replaceHost(values, {
    listen: "listen-client-urls",
    advertise: "advertise-client-urls",
    standard: DEFAULT_CLIENT_URL,
    defaultHost,
  });
  if (defaultHost !== undefined && (peer.replaced || client.replaced)) {
    const fields = { host: defaultHost };
    notices.push({ level: "info", message: "detected default host for advertise", fields });
  }
  const givenInitialCluster = initialClusterText(values);
  const name = values.text("name");
  const derived = givenInitialCluster === DEFAULT_INITIAL_CLUSTER && name !== DEFAULT_NAME;
  return {
    givenInitialCluster,
    initialCluster: derived
      ? peer.urls.map((url) => `${name || DEFAULT_NAME}=${url.href}`).join(",")
      : givenInitialCluster,
    advertisePeerUrls: peer.urls,
    advertiseClientUrls: client.urls,
    notices,
  };
}

function initialClusterText(values: FlagValues): string {
  const discovers =
    values.text("discovery-srv") !== "" ||
    values.text("discovery-srv-name") !== "" ||
    values.list("discovery-endpoints").length > 0;
  return discovers && !values.isGiven("initial-cluster") ? "" : values.text("initial-cluster");
}

function replaceHost(
  values: FlagValues,
  options: {
    readonly listen: "listen-peer-urls" | "listen-client-urls";
    readonly advertise: "initial-advertise-peer-urls" | "advertise-client-urls";
    readonly standard: string;
    readonly defaultHost: string | undefined;
  },
): { readonly urls: readonly ListenUrl[]; readonly replaced: boolean } {
  const urls = values.urls(options.advertise);
  const [listen] = values.urls(options.listen);
  const { defaultHost: host } = options;
  const standard = urls.length === 1 && urls[0]!.href === options.standard;
  if (host === undefined || !standard || listen?.host !== "0.0.0.0") {
    return { urls, replaced: false };
  }
  const { port } = listen;
  const href = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
  return { urls: [{ href, scheme: "http", host, port }], replaced: true };
}
