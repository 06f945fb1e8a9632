import { etcdserverpb, ProposalField } from "@kvorum/api";
import type { MemberId } from "@kvorum/base";
import type { Proposer } from "./consensus/proposer.js";

const { AlarmRequest, AlarmRequest_AlarmAction, AlarmType } = etcdserverpb;

/** Raises NOSPACE for this member through the log, one proposal at a time. */
export class NoSpaceAlarm {
  readonly #proposer: Proposer;
  readonly #request: Uint8Array;
  #isProposed = false;

  constructor(proposer: Proposer, memberID: MemberId) {
    this.#proposer = proposer;
    const alarm = AlarmType.NOSPACE;
    const action = AlarmRequest_AlarmAction.ACTIVATE;
    this.#request = AlarmRequest.encode({ action, memberID, alarm }).finish();
  }

  /** The quota was found exceeded. The alarm is up once the proposal is applied. */
  raise(): void {
    if (this.#isProposed) return;
    this.#isProposed = true;
    const done = () => {
      this.#isProposed = false;
    };
    try {
      this.#proposer.propose(ProposalField.alarm, this.#request, { applied: done, failed: done });
    } catch {
      // Stopping or overloaded: the next write over the quota raises it again.
      done();
    }
  }
}
