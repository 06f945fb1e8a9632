import { ApiError, apiError, decodeMessage, etcdserverpb, ProposalField } from "@kvorum/api";
import { assert, type MemberId, messageOf, rethrowInvariant } from "@kvorum/base";
import { type Method, Status, type StreamCall, type UnaryCall } from "@kvorum/grpc";
import type { OpenedStore } from "../boot/open-store.js";
import type { Proposer } from "../consensus/proposer.js";
import type { Downgrades } from "../membership/downgrades.js";
import { failWith } from "./guard.js";
import { fail, type Replier } from "./reply.js";
import { type SnapshotSource, sendSnapshot } from "./snapshot.js";
import { unary } from "./unary.js";

const {
  AlarmRequest,
  AlarmResponse,
  DefragmentResponse,
  DowngradeRequest,
  DowngradeRequest_DowngradeAction: DowngradeAction,
  DowngradeResponse,
  HashKVRequest,
  HashKVResponse,
  HashResponse,
  MoveLeaderRequest,
  StatusResponse,
} = etcdserverpb;

/** What Status reports beside the header. */
export type StatusFacts = Omit<etcdserverpb.StatusResponse, "header">;

export interface MaintenanceServiceOptions {
  readonly memberId: MemberId;
  readonly opened: OpenedStore;
  readonly proposer: Proposer;
  readonly replier: Replier;
  readonly status: () => StatusFacts;
  readonly defragment: () => Promise<void>;
  /** @throws ApiError notLeader | badLeaderTransferee | timeoutLeaderTransfer */
  readonly moveLeader: (target: MemberId) => Promise<void>;
  readonly downgrades: Downgrades;
  readonly snapshots: SnapshotSource;
}

/** etcdserverpb.Maintenance */
export class MaintenanceService {
  readonly #options: MaintenanceServiceOptions;

  constructor(options: MaintenanceServiceOptions) {
    this.#options = options;
  }

  methods(): [string, Method][] {
    return [
      ["/etcdserverpb.Maintenance/Alarm", unary((call, message) => this.#alarm(call, message))],
      ["/etcdserverpb.Maintenance/Status", unary((call) => this.#status(call))],
      ["/etcdserverpb.Maintenance/Defragment", unary((call) => this.#defragment(call))],
      ["/etcdserverpb.Maintenance/Hash", unary((call) => this.#hash(call))],
      ["/etcdserverpb.Maintenance/HashKV", unary((call, message) => this.#hashKv(call, message))],
      [
        "/etcdserverpb.Maintenance/MoveLeader",
        unary((call, message) => this.#moveLeader(call, message)),
      ],
      [
        "/etcdserverpb.Maintenance/Downgrade",
        unary((call, message) => this.#downgrade(call, message)),
      ],
      [
        "/etcdserverpb.Maintenance/Snapshot",
        { kind: "stream", open: (call) => this.#snapshot(call) },
      ],
    ];
  }

  #alarm(call: UnaryCall, message: Buffer): void {
    // Encoded anew, so that nothing behind an end-group tag gets into the entry.
    const request = AlarmRequest.encode(decodeMessage(AlarmRequest, message)).finish();
    const { proposer, replier } = this.#options;
    proposer.propose(ProposalField.alarm, request, {
      applied(response) {
        assert(response.kind === "alarm", `an alarm answers itself, not ${response.kind}`);
        const body = { header: undefined, alarms: [...response.alarms] };
        call.respond(replier.withHeader(AlarmResponse.encode(body).finish()));
      },
      failed: (error) => fail(call, error),
    });
  }

  #status(call: UnaryCall): void {
    const body = StatusResponse.encode({ header: undefined, ...this.#options.status() }).finish();
    call.respond(this.#options.replier.withHeader(body));
  }

  #defragment(call: UnaryCall): void {
    this.#options.defragment().then(
      () => call.respond(DefragmentResponse.encode({ header: undefined }).finish()),
      (error: unknown) => failLate(call, error),
    );
  }

  #hash(call: UnaryCall): void {
    this.#options.opened.store.hash().then(
      ({ hash, revision }) => {
        const body = HashResponse.encode({ header: undefined, hash }).finish();
        call.respond(this.#options.replier.withHeader(body, revision));
      },
      (error: unknown) => failLate(call, error),
    );
  }

  #hashKv(call: UnaryCall, message: Buffer): void {
    const { revision } = decodeMessage(HashKVRequest, message);
    this.#options.opened.store.hashKv(revision).then(
      (found) => {
        const body = HashKVResponse.encode({
          header: undefined,
          hash: found.hash,
          compactRevision: found.compactRevision,
          hashRevision: found.hashRevision,
        }).finish();
        call.respond(this.#options.replier.withHeader(body, found.currentRevision));
      },
      (error: unknown) => failLate(call, error),
    );
  }

  /** The answer has no header, as in etcd. */
  #moveLeader(call: UnaryCall, message: Buffer): void {
    const { targetID } = decodeMessage(MoveLeaderRequest, message);
    this.#options.moveLeader(targetID).then(
      () => call.respond(new Uint8Array(0)),
      (error: unknown) => failLate(call, error),
    );
  }

  #downgrade(call: UnaryCall, message: Buffer): void {
    this.#changeVersion(decodeMessage(DowngradeRequest, message)).then(
      (version) => {
        const body = DowngradeResponse.encode({ header: undefined, version }).finish();
        call.respond(this.#options.replier.withHeader(body));
      },
      (error: unknown) => failLate(call, error),
    );
  }

  /** Resolves to the cluster version. @throws ApiError */
  async #changeVersion(request: etcdserverpb.DowngradeRequest): Promise<string> {
    const { downgrades } = this.#options;
    switch (request.action) {
      case DowngradeAction.VALIDATE:
        return downgrades.validate(request.version);
      case DowngradeAction.ENABLE:
        return downgrades.enable(request.version);
      case DowngradeAction.CANCEL:
        return downgrades.cancel();
      default:
        throw apiError("unknownMethod");
    }
  }

  #snapshot(call: StreamCall): void {
    call.onMessage = () => {
      call.onMessage = undefined;
      sendSnapshot(call, this.#options.snapshots).catch((error: unknown) => failLate(call, error));
    };
  }
}

/** Ends a call with what went wrong in the background: an engine's error is the client's to know. */
function failLate(call: UnaryCall | StreamCall, error: unknown): void {
  rethrowInvariant(error);
  const isKnown = error instanceof ApiError;
  failWith(
    call,
    isKnown ? error : new ApiError(Status.UNKNOWN, messageOf(error), { cause: error }),
  );
}
