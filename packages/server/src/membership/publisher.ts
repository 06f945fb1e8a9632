import { ApiError, raftinternalpb } from "@kvorum/api";
import type { Clock, MemberId } from "@kvorum/base";
import type { ProposalIds } from "../consensus/proposal-ids.js";
import type { Proposer } from "../consensus/proposer.js";

const { InternalRaftRequest } = raftinternalpb;

/** Pause before a failed proposal is made again. */
const RETRY_MS = 100;

/**
 * Proposals that a member makes on its own behalf: its name and client URLs, and the cluster
 * version. Each is repeated until it is applied.
 */
export class Publisher {
  readonly #proposer: Proposer;
  readonly #ids: ProposalIds;
  readonly #clock: Clock;
  #stopped = false;

  constructor(options: {
    readonly proposer: Proposer;
    readonly ids: ProposalIds;
    readonly clock: Clock;
  }) {
    this.#proposer = options.proposer;
    this.#ids = options.ids;
    this.#clock = options.clock;
  }

  /** Resolves once the cluster knows this member's attributes. */
  publishAttributes(member: {
    readonly id: MemberId;
    readonly name: string;
    readonly clientUrls: readonly string[];
  }): Promise<void> {
    return this.#untilApplied({
      clusterMemberAttrSet: {
        memberID: member.id,
        memberAttributes: { name: member.name, clientUrls: [...member.clientUrls] },
      },
    });
  }

  /** Resolves once the cluster has the version. @param version "X.Y.0" */
  setClusterVersion(version: string): Promise<void> {
    return this.#untilApplied({ clusterVersionSet: { ver: version } });
  }

  stop(): void {
    this.#stopped = true;
  }

  #untilApplied(request: Partial<raftinternalpb.InternalRaftRequest>): Promise<void> {
    return new Promise((resolve) => {
      const attempt = () => {
        if (this.#stopped) return;
        const id = this.#ids.next();
        const data = InternalRaftRequest.encode({
          ...InternalRaftRequest.decode(new Uint8Array()),
          ...request,
          header: { ID: id, username: "", authRevision: 0 },
        }).finish();
        const retry = () => {
          this.#clock.after(RETRY_MS, attempt);
        };
        try {
          const low = Number(BigInt.asUintN(48, id));
          this.#proposer.proposeEncoded(low, data, { applied: () => resolve(), failed: retry });
        } catch (error) {
          if (!(error instanceof ApiError)) throw error;
          // Overloaded or stopping: the next attempt finds out which.
          retry();
        }
      };
      attempt();
    });
  }
}
