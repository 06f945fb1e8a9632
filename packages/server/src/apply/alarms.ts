import { etcdserverpb } from "@kvorum/api";
import type { MemberId } from "@kvorum/base";
import type { BufferedStore } from "@kvorum/mvcc";

const { AlarmType } = etcdserverpb;
type AlarmMember = etcdserverpb.AlarmMember;

const EMPTY = new Uint8Array(0);

/**
 * The alarms that members raised, replicated through the log and kept in the bucket "alarm": the key
 * is the encoded AlarmMember, the value is empty.
 */
export class Alarms {
  #store: BufferedStore | undefined;
  /** type -> members that raised it */
  readonly #raised = new Map<etcdserverpb.AlarmType, Set<MemberId>>();

  /** Reads all that `store` holds, and writes changes to it from now on. */
  async load(store: BufferedStore): Promise<void> {
    this.#store = store;
    this.#raised.clear();
    for (const [key] of await store.entries("alarm")) {
      const alarm = etcdserverpb.AlarmMember.decode(key);
      this.#members(alarm.alarm).add(alarm.memberID);
    }
  }

  /** Whether any member raised `type`. */
  has(type: etcdserverpb.AlarmType): boolean {
    return (this.#raised.get(type)?.size ?? 0) > 0;
  }

  /** All alarms of `type`, or of every type for NONE; ordered by type, then member. */
  list(type: etcdserverpb.AlarmType = AlarmType.NONE): AlarmMember[] {
    const types = type === AlarmType.NONE ? [...this.#raised.keys()].sort((a, b) => a - b) : [type];
    return types.flatMap((alarm) =>
      [...(this.#raised.get(alarm) ?? [])]
        .sort((a, b) => (a < b ? -1 : 1))
        .map((memberID) => ({ memberID, alarm })),
    );
  }

  /** Raises an alarm; one that is raised already is returned just the same. */
  activate(alarm: AlarmMember): AlarmMember[] {
    if (alarm.alarm === AlarmType.NONE) return [];
    const members = this.#members(alarm.alarm);
    if (!members.has(alarm.memberID)) {
      members.add(alarm.memberID);
      this.#store?.put("alarm", encode(alarm), EMPTY);
    }
    return [alarm];
  }

  /** Disarms an alarm; empty when it was not raised. */
  deactivate(alarm: AlarmMember): AlarmMember[] {
    if (!this.#raised.get(alarm.alarm)?.delete(alarm.memberID)) return [];
    this.#store?.delete("alarm", encode(alarm));
    return [alarm];
  }

  #members(type: etcdserverpb.AlarmType): Set<MemberId> {
    let members = this.#raised.get(type);
    if (members === undefined) {
      members = new Set();
      this.#raised.set(type, members);
    }
    return members;
  }
}

function encode(alarm: AlarmMember): Uint8Array {
  return etcdserverpb.AlarmMember.encode(alarm).finish();
}
