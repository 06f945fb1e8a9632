import type { MemberId } from "@kvorum/base";
import type { Message } from "@kvorum/raft";
import type { Member } from "../../membership/member.js";
import type { PeerHost } from "../peer-host.js";

/** A host that writes down what happens to it, and answers questions from its fields. */
export class RecordingHost implements PeerHost {
  readonly stepped: Message[] = [];
  readonly removed = new Set<MemberId>();
  readonly unreachable: MemberId[] = [];
  readonly snapshots: { readonly id: MemberId; readonly arrived: boolean }[] = [];
  removals = 0;
  onStep: (message: Message) => void = () => {};
  onDb: (message: Message, db: AsyncIterable<Buffer>) => Promise<void> = async (_, db) => {
    for await (const chunk of db) this.dbBytes += chunk.length;
  };
  dbBytes = 0;
  memberList: readonly Member[] = [];
  promote: PeerHost["promote"] = async () => ({ kind: "promoted", members: this.memberList });
  hashKv: PeerHost["hashKv"] = async () => ({ kind: "compacted" });
  leaseKeepAlive: PeerHost["leaseKeepAlive"] = async () => ({ kind: "not-found" });
  leaseTimeToLive: PeerHost["leaseTimeToLive"] = async () => ({ kind: "not-found" });
  downgradeEnabled: PeerHost["downgradeEnabled"] = async () => ({ kind: "known", enabled: false });
  version: PeerHost["version"] = () => ({ cluster: "3.7.0", storage: "3.7.0" });

  step(message: Message): void {
    this.stepped.push(message);
    this.onStep(message);
  }

  isRemoved(id: MemberId): boolean {
    return this.removed.has(id);
  }

  reportUnreachable(id: MemberId): void {
    this.unreachable.push(id);
  }

  reportSnapshot(id: MemberId, arrived: boolean): void {
    this.snapshots.push({ id, arrived });
  }

  receiveSnapshot(message: Message, db: AsyncIterable<Buffer>): Promise<void> {
    return this.onDb(message, db);
  }

  onRemoved(): void {
    this.removals++;
  }

  members(): readonly Member[] {
    return this.memberList;
  }
}
