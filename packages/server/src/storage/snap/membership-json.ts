import type { MemberId } from "@kvorum/base";
import { hexId } from "@kvorum/base";
import { StorageError } from "../storage-error.js";

export interface SnapMember {
  readonly id: MemberId;
  /** Empty, as is `clientUrls`, until the member has published itself. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly isLearner: boolean;
}

/** What the data of a .snap file say: the members, as etcd's v2 store holds them. */
export interface SnapMembership {
  readonly members: readonly SnapMember[];
  readonly removed: readonly MemberId[];
  /** Such as "3.5.0"; undefined before the cluster has agreed on one. */
  readonly clusterVersion: string | undefined;
}

const NEVER = "0001-01-01T00:00:00Z";

/** A node of the v2 store: a file when `Children` is null. */
interface StoreNode {
  readonly Path: string;
  readonly CreatedIndex: number;
  readonly ModifiedIndex: number;
  readonly ExpireTime: string;
  readonly Value: string;
  readonly Children: Readonly<Record<string, StoreNode>> | null;
}

/**
 * The v2 store's tree as JSON. Only the nodes matter to readers (etcd up to 3.6), which keep their
 * own watcher hub and counters.
 *
 *     /0/members/<id>/raftAttributes      {"peerURLs":[…],"isLearner":true}
 *     /0/members/<id>/attributes          {"name":"…","clientURLs":[…]}, once published
 *     /0/removed_members/<id>             empty
 *     /0/version                          "3.5.0"
 *     /1                                  the v2 keys: none
 */
export function encodeMembership(membership: SnapMembership): Buffer {
  const cluster: Record<string, StoreNode> = {
    members: directory("/0/members", Object.fromEntries(membership.members.map(memberNode))),
  };
  if (membership.removed.length > 0) {
    const removed = membership.removed.map((id) => {
      const name = hexId(id);
      return [name, file(`/0/removed_members/${name}`, "")] as const;
    });
    cluster.removed_members = directory("/0/removed_members", Object.fromEntries(removed));
  }
  if (membership.clusterVersion !== undefined) {
    cluster.version = file("/0/version", membership.clusterVersion);
  }
  const root = directory("/", { 0: directory("/0", cluster), 1: directory("/1", {}) });
  return Buffer.from(JSON.stringify({ Root: root, CurrentIndex: 0, CurrentVersion: 2 }));
}

/**
 * Reads what etcd or `encodeMembership` wrote. Empty data (new versions of etcd) mean no members.
 * @throws StorageError "CORRUPT"
 */
export function decodeMembership(data: Uint8Array): SnapMembership {
  if (data.length === 0) return { members: [], removed: [], clusterVersion: undefined };
  try {
    const store = JSON.parse(Buffer.from(data).toString("utf8")) as { readonly Root: StoreNode };
    const cluster = store.Root.Children?.["0"]?.Children ?? {};
    const members = Object.entries(cluster.members?.Children ?? {});
    return {
      members: members.map(([name, node]) => decodeMember(name, node.Children ?? {})),
      removed: Object.keys(cluster.removed_members?.Children ?? {}).map(parseId),
      clusterVersion: cluster.version?.Value,
    };
  } catch (cause) {
    throw new StorageError("CORRUPT", "the snapshot's data are no v2 store", { cause });
  }
}

function memberNode(member: SnapMember): readonly [string, StoreNode] {
  const name = hexId(member.id);
  const path = `/0/members/${name}`;
  const children: Record<string, StoreNode> = {};
  if (member.name !== "" || member.clientUrls.length > 0) {
    const attributes = {
      ...(member.name === "" ? {} : { name: member.name }),
      ...(member.clientUrls.length === 0 ? {} : { clientURLs: member.clientUrls }),
    };
    children.attributes = file(`${path}/attributes`, JSON.stringify(attributes));
  }
  const raftAttributes = {
    peerURLs: member.peerUrls,
    ...(member.isLearner ? { isLearner: true } : {}),
  };
  children.raftAttributes = file(`${path}/raftAttributes`, JSON.stringify(raftAttributes));
  return [name, directory(path, children)];
}

interface MemberJson {
  readonly name?: string;
  readonly clientURLs?: readonly string[] | null;
  readonly peerURLs?: readonly string[] | null;
  readonly isLearner?: boolean;
}

function decodeMember(name: string, children: Readonly<Record<string, StoreNode>>): SnapMember {
  const attributes = JSON.parse(children.attributes?.Value ?? "{}") as MemberJson;
  const raftAttributes = JSON.parse(children.raftAttributes?.Value ?? "{}") as MemberJson;
  return {
    id: parseId(name),
    name: attributes.name ?? "",
    clientUrls: attributes.clientURLs ?? [],
    peerUrls: raftAttributes.peerURLs ?? [],
    isLearner: raftAttributes.isLearner ?? false,
  };
}

function directory(path: string, children: Readonly<Record<string, StoreNode>>): StoreNode {
  return node(path, "", sorted(children));
}

function file(path: string, value: string): StoreNode {
  return node(path, value, null);
}

function node(path: string, value: string, children: StoreNode["Children"]): StoreNode {
  return {
    Path: path,
    CreatedIndex: 0,
    ModifiedIndex: 0,
    ExpireTime: NEVER,
    Value: value,
    Children: children,
  };
}

/** In the order in which Go writes the keys of a map. */
function sorted(
  children: Readonly<Record<string, StoreNode>>,
): Readonly<Record<string, StoreNode>> {
  return Object.fromEntries(Object.entries(children).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function parseId(hex: string): MemberId {
  return BigInt(`0x${hex}`);
}
