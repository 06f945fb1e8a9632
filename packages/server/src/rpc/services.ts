import { type HeaderEncoder, limits } from "@kvorum/api";
import type { MemberId, Term } from "@kvorum/base";
import { GrpcServer, type Method } from "@kvorum/grpc";
import { authLimits } from "../auth/limits.js";
import { Passwords } from "../auth/passwords.js";
import { RequestRefusals } from "../auth/request-refusals.js";
import type { OpenedStore } from "../boot/open-store.js";
import type { Consensus } from "../consensus/consensus.js";
import type { ProposalIds } from "../consensus/proposal-ids.js";
import { JsonGateway } from "../gateway/json-gateway.js";
import type { LeaseAuthority } from "../lease/lease-authority.js";
import type { MemberOptions } from "../member-options.js";
import type { Downgrades } from "../membership/downgrades.js";
import type { Membership } from "../membership/membership-service.js";
import type { Quota } from "../quota.js";
import { AuthService } from "./auth.js";
import { CallFigures } from "./call-figures.js";
import { applyCallRules } from "./call-rules.js";
import { ClusterService } from "./cluster.js";
import { ElectionService } from "./election.js";
import { guardMethods } from "./guard.js";
import { healthMethods } from "./health.js";
import { Identities } from "./identities.js";
import { KvService } from "./kv.js";
import { LeaseService } from "./lease.js";
import { LocalClient } from "./local-client.js";
import { LockService } from "./lock.js";
import { MaintenanceService, type StatusFacts } from "./maintenance.js";
import type { OpenStreams } from "./open-streams.js";
import { Replier } from "./reply.js";
import type { SnapshotSource } from "./snapshot.js";
import { WatchService } from "./watch.js";

export interface ServicesOptions {
  readonly member: MemberOptions;
  readonly memberId: MemberId;
  readonly opened: OpenedStore;
  readonly membership: Membership;
  readonly downgrades: Downgrades;
  readonly consensus: Consensus;
  readonly ids: ProposalIds;
  readonly leases: LeaseAuthority;
  readonly quota: Quota;
  readonly header: HeaderEncoder;
  /** Term of the last applied entry. */
  readonly term: () => Term;
  readonly status: () => StatusFacts;
  readonly defragment: () => Promise<void>;
  readonly moveLeader: (target: MemberId) => Promise<void>;
  readonly snapshots: SnapshotSource;
  readonly onQuotaExceeded: () => void;
  readonly openStreams: OpenStreams;
}

/** Every service of a member, guarded, for clients of gRPC and of its form in JSON. */
export function wireServices(options: ServicesOptions): {
  readonly grpc: GrpcServer;
  readonly gateway: JsonGateway;
} {
  const { member, opened, consensus, ids } = options;
  const { proposer, reads } = consensus;
  const replier = new Replier({
    header: options.header,
    term: options.term,
    revision: () => opened.store.currentRevision,
  });
  const { auth } = opened;
  const identities = new Identities({
    auth,
    logger: member.logger,
    takesCommonNames: member.auth?.takesCommonNames ?? false,
  });
  const services = [
    ...keyServices(options, { identities, replier }),
    new WatchService({
      auth,
      identities,
      hub: opened.watchHub,
      fragmentBytes: member.requestBytesMax + limits.grpcOverheadBytes,
      progressIntervalMs: member.watchProgressIntervalMs,
      prng: member.prng,
    }),
    new ClusterService({ membership: options.membership, reads, replier, auth, identities }),
    new MaintenanceService({
      memberId: options.memberId,
      opened,
      proposer,
      replier,
      status: options.status,
      defragment: options.defragment,
      moveLeader: options.moveLeader,
      downgrades: options.downgrades,
      snapshots: options.snapshots,
    }),
    new AuthService({
      auth,
      identities,
      proposer,
      ids,
      reads,
      replier,
      logger: member.logger,
      passwords: new Passwords(member.auth?.bcryptCost ?? authLimits.bcryptCost),
    }),
  ];
  const methods = applyCallRules(
    services.flatMap((service) => service.methods()),
    { auth, identities },
  );
  return serve([...methods, ...healthMethods(() => true)], options);
}

/** Keys, leases, and what is made of requests to them. */
function keyServices(
  options: ServicesOptions,
  { identities, replier }: { readonly identities: Identities; readonly replier: Replier },
): readonly [KvService, LeaseService, LockService, ElectionService] {
  const { member, opened, consensus, ids, quota, onQuotaExceeded } = options;
  const { proposer, reads } = consensus;
  const refusals = new RequestRefusals(opened.auth, () => opened.lessor);
  const kv = new KvService({
    identities,
    refusals,
    opened,
    proposer,
    reads,
    quota,
    replier,
    onQuotaExceeded,
    txnOpsMax: member.txnOpsMax,
    requestBytesMax: member.requestBytesMax,
  });
  const lease = new LeaseService({
    opened,
    identities,
    refusals,
    authority: options.leases,
    proposer,
    ids,
    quota,
    replier,
    onQuotaExceeded,
  });
  return [kv, lease, ...recipeServices([kv, lease], options)];
}

/** Guards the methods and puts them behind both ways to call them. */
function serve(
  methods: Iterable<[string, Method]>,
  { member, consensus, openStreams }: ServicesOptions,
): { readonly grpc: GrpcServer; readonly gateway: JsonGateway } {
  const { clock, logger, metrics, slowRequestMs } = member;
  const guarded = guardMethods(methods, {
    clock,
    calls: new CallFigures({ metrics, logger, clock, slowRequestMs }),
    standing: {
      isLearner: () => consensus.node.isLearner,
      hasLeader: () => consensus.node.leader !== 0n,
      openStreams,
    },
  });
  const messageBytesMax = member.requestBytesMax + limits.grpcOverheadBytes;
  const gateway = new JsonGateway({ methods: guarded, clock, messageBytesMax });
  const grpc = new GrpcServer({
    methods: guarded,
    clock,
    maxReceiveMessageBytes: messageBytesMax,
    maxConcurrentStreams: member.concurrentStreamsMax,
    keepalive: member.keepalive,
    onError: (peer, error) =>
      logger.debug("a client broke the protocol", { remote: peer.address, error: error.message }),
  });
  return { grpc, gateway };
}

/** Those that are made of requests to KV and Lease. */
function recipeServices(
  used: readonly [KvService, LeaseService],
  { member, opened, openStreams }: ServicesOptions,
): [LockService, ElectionService] {
  const client = new LocalClient({
    methods: new Map(used.flatMap((service) => service.methods())),
    clock: member.clock,
  });
  const options = { client, hub: opened.watchHub, openStreams };
  return [new LockService(options), new ElectionService(options)];
}
