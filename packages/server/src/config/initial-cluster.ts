import { goQuote } from "@kvorum/base";
import { type ListenUrl, parseListenUrls } from "./listen-url.js";

/** A member of the first configuration: its name and its peer URLs, sorted. */
export interface InitialMember {
  readonly name: string;
  readonly peerUrls: readonly ListenUrl[];
}

export type InitialClusterResult =
  | { readonly kind: "ok"; readonly members: readonly InitialMember[] }
  | { readonly kind: "error"; readonly message: string };

/** The part of the configuration that founding or joining a cluster looks at. */
export interface BootstrapSettings {
  readonly name: string;
  readonly advertisePeerUrls: readonly ListenUrl[];
  readonly members: readonly InitialMember[];
  /** How `advertisePeerUrls` differ from the own URLs among `members`: `findUrlMismatch`. */
  readonly mismatch: string | undefined;
}

/**
 * Reads "name=url,name=url"; one name may stand several times. The result is in the order of the
 * names. Source: types.NewURLsMap of etcd.
 */
export function parseInitialCluster(text: string): InitialClusterResult {
  const urlsOf = new Map<string, string[]>();
  for (const pair of text.split(",")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = equals < 0 ? pair : pair.slice(0, equals);
    const urls = urlsOf.get(name) ?? [];
    urls.push(equals < 0 ? "" : pair.slice(equals + 1));
    urlsOf.set(name, urls);
  }
  const members: InitialMember[] = [];
  for (const [name, texts] of urlsOf) {
    const parsed = parseListenUrls(texts);
    if (parsed.kind === "error") {
      return { kind: "error", message: `error setting up initial cluster: ${parsed.message}` };
    }
    members.push({ name, peerUrls: parsed.value });
  }
  members.sort((left, right) => (left.name < right.name ? -1 : 1));
  return { kind: "ok", members };
}

/** "name=url,…" sorted, the text in which the members are printed. */
export function formatInitialCluster(members: readonly InitialMember[]): string {
  const pairs = members.flatMap((member) => member.peerUrls.map((u) => `${member.name}=${u.href}`));
  return pairs.sort().join(",");
}

/**
 * The checks before a cluster is founded (ServerConfig.VerifyBootstrap).
 * @returns the message of the first thing wrong
 */
export function verifyBootstrap(settings: BootstrapSettings): string | undefined {
  return (
    verifyLocalMember(settings) ?? verifyAdvertised(settings) ?? verifyUnique(settings.members)
  );
}

/** The checks before this member joins a running cluster (ServerConfig.VerifyJoinExisting). */
export function verifyJoin(settings: BootstrapSettings): string | undefined {
  return verifyLocalMember(settings) ?? verifyUnique(settings.members);
}

function verifyLocalMember({ name, members }: BootstrapSettings): string | undefined {
  if (members.some((member) => member.name === name)) return undefined;
  return `couldn't find local name ${goQuote(name)} in the initial cluster configuration`;
}

function verifyAdvertised(settings: BootstrapSettings): string | undefined {
  const { name, advertisePeerUrls, members, mismatch } = settings;
  if (mismatch === undefined) return undefined;
  const own = members.find((member) => member.name === name)!;
  const advertised = advertisePeerUrls.map((url) => url.href).sort();
  const initial = own.peerUrls.map((url) => url.href).sort();
  const notAdvertised = initial.filter((url) => !advertised.includes(url));
  if (notAdvertised.length > 0) {
    const pairs = notAdvertised.map((url) => `${name}=${url}`).join(",");
    return (
      `--initial-cluster has ${pairs} but missing from ` +
      `--initial-advertise-peer-urls=${advertised.join(",")} (${mismatch})`
    );
  }
  const notInitial = advertised.filter((url) => !initial.includes(url));
  const wanted = formatInitialCluster([{ name, peerUrls: advertisePeerUrls }]);
  if (notInitial.length === 0) {
    const texts = advertised.join(",");
    return `failed to resolve ${texts} to match --initial-cluster=${wanted} (${mismatch})`;
  }
  return (
    `--initial-advertise-peer-urls has ${notInitial.join(",")} but missing from ` +
    `--initial-cluster=${wanted}`
  );
}

function verifyUnique(members: readonly InitialMember[]): string | undefined {
  const all = members.flatMap((member) => member.peerUrls.map((url) => url.href));
  if (new Set(all).size === all.length) return undefined;
  return `initial cluster ${formatInitialCluster(members)} has duplicate url`;
}
