import {
  type ApiError,
  apiError,
  decodeMessage,
  etcdserverpb,
  limits,
  ProposalField,
} from "@kvorum/api";
import { assert, type LeaseId } from "@kvorum/base";
import type { Method, StreamCall, UnaryCall } from "@kvorum/grpc";
import { refuse } from "../auth/auth-applier.js";
import { type AuthInfo, NOBODY } from "../auth/auth-info.js";
import type { Access } from "../auth/range-permissions.js";
import type { RequestRefusals } from "../auth/request-refusals.js";
import type { OpenedStore } from "../boot/open-store.js";
import type { ProposalOwner } from "../consensus/pending-proposals.js";
import type { ProposalIds } from "../consensus/proposal-ids.js";
import type { Proposer } from "../consensus/proposer.js";
import type { LeaseAuthority } from "../lease/lease-authority.js";
import type { Quota } from "../quota.js";
import { failWith } from "./guard.js";
import type { Identities } from "./identities.js";
import { fail, type Replier } from "./reply.js";
import { unary } from "./unary.js";

const {
  LeaseGrantRequest,
  LeaseGrantResponse,
  LeaseKeepAliveRequest,
  LeaseKeepAliveResponse,
  LeaseLeasesResponse,
  LeaseTimeToLiveRequest,
  LeaseTimeToLiveResponse,
} = etcdserverpb;

export interface LeaseServiceOptions {
  readonly opened: OpenedStore;
  readonly identities: Identities;
  readonly refusals: RequestRefusals;
  readonly authority: LeaseAuthority;
  readonly proposer: Proposer;
  readonly ids: ProposalIds;
  readonly quota: Quota;
  readonly replier: Replier;
  readonly onQuotaExceeded: () => void;
}

const NO_BYTES = new Uint8Array(0);

/** etcdserverpb.Lease */
export class LeaseService {
  readonly #options: LeaseServiceOptions;

  constructor(options: LeaseServiceOptions) {
    this.#options = options;
  }

  methods(): [string, Method][] {
    return [
      ["/etcdserverpb.Lease/LeaseGrant", unary((call, message) => this.#grant(call, message))],
      ["/etcdserverpb.Lease/LeaseRevoke", unary((call, message) => this.#revoke(call, message))],
      [
        "/etcdserverpb.Lease/LeaseKeepAlive",
        { kind: "stream", open: (call) => this.#keepAlive(call) },
      ],
      [
        "/etcdserverpb.Lease/LeaseTimeToLive",
        unary((call, message) => this.#timeToLive(call, message)),
      ],
      ["/etcdserverpb.Lease/LeaseLeases", unary((call) => this.#leases(call))],
    ];
  }

  #grant(call: UnaryCall, message: Buffer): void {
    const { quota, onQuotaExceeded, ids, replier } = this.#options;
    if (!quota.allows(limits.quotaLeaseBytes)) {
      onQuotaExceeded();
      throw apiError("noSpace");
    }
    const request = decodeMessage(LeaseGrantRequest, message);
    while (request.ID === 0n) request.ID = ids.next() & 0x7fffffffffffffffn;
    this.#propose(call, ProposalField.leaseGrant, LeaseGrantRequest.encode(request).finish(), {
      applied(response) {
        assert(response.kind === "leaseGrant", `a grant answers itself, not ${response.kind}`);
        const body = { header: undefined, ID: response.id, TTL: response.ttl, error: "" };
        call.respond(replier.withHeader(LeaseGrantResponse.encode(body).finish()));
      },
      failed: (error) => fail(call, error),
    });
  }

  #revoke(call: UnaryCall, message: Buffer): void {
    const { replier } = this.#options;
    const { LeaseRevokeRequest } = etcdserverpb;
    // Encoded anew, so that nothing behind an end-group tag gets into the entry.
    const request = LeaseRevokeRequest.encode(decodeMessage(LeaseRevokeRequest, message)).finish();
    this.#propose(call, ProposalField.leaseRevoke, request, {
      applied: () => call.respond(replier.withHeader(NO_BYTES)),
      failed: (error) => fail(call, error),
    });
  }

  /** Any user may ask; whether the keys of a lease stand against it is seen when it is applied. */
  #propose(call: UnaryCall, field: ProposalField, request: Uint8Array, owner: ProposalOwner): void {
    const { proposer, opened } = this.#options;
    this.#identified(call, (who) => {
      refuse(opened.auth.anonymousRefusal(who));
      proposer.propose(field, request, owner, who);
    });
  }

  /** Calls `next` with who calls; at once, and with nobody, while authentication is off. */
  #identified(call: UnaryCall | StreamCall, next: (who: AuthInfo | undefined) => void): void {
    const { identities } = this.#options;
    if (identities.areNeeded) identities.identify(call, next);
    else next(undefined);
  }

  /** Requests are answered in order; one whose lease is expiring holds back those behind it. */
  #keepAlive(call: StreamCall): void {
    let halfClosed = false;
    let waiting = false;
    const finish = () => {
      if (halfClosed && !waiting) call.end();
    };
    call.onHalfClose = () => {
      halfClosed = true;
      finish();
    };
    call.onMessage = (message) => {
      try {
        const { ID } = decodeMessage(LeaseKeepAliveRequest, message);
        const { replier, authority } = this.#options;
        // The header is made before the lease is renewed, as etcd does.
        const revision = replier.currentRevision();
        waiting = true;
        call.pause();
        const renewed = (TTL: number | ApiError) => {
          waiting = false;
          if (call.cancelled) return;
          if (typeof TTL !== "number") {
            fail(call, TTL);
            return;
          }
          const body = LeaseKeepAliveResponse.encode({ header: undefined, ID, TTL }).finish();
          call.write(replier.withHeader(body, revision));
          call.resume();
          finish();
        };
        this.#identified(call, (who) => {
          this.#refuseUnpermitted(who, "write", ID);
          authority.renew(ID, renewed);
        });
      } catch (error) {
        failWith(call, error);
      }
    };
  }

  #timeToLive(call: UnaryCall, message: Buffer): void {
    const request = decodeMessage(LeaseTimeToLiveRequest, message);
    this.#identified(call, (who) => {
      if (request.keys) this.#refuseUnpermitted(who, "read", request.ID);
      else refuse(this.#options.opened.auth.anonymousRefusal(who));
      this.#respondTimeToLive(call, request);
    });
  }

  #respondTimeToLive(call: UnaryCall, request: etcdserverpb.LeaseTimeToLiveRequest): void {
    const { authority, opened } = this.#options;
    const { revision } = opened.auth;
    authority.timeToLive(request.ID, request.keys).then(
      (found) => {
        const { auth } = opened;
        if (request.keys && auth.isEnabled && auth.revision !== revision) {
          fail(call, apiError("authOldRevision"));
          return;
        }
        const body = LeaseTimeToLiveResponse.encode({
          header: undefined,
          ID: request.ID,
          TTL: found?.ttlSeconds ?? -1,
          grantedTTL: found?.grantedTtlSeconds ?? 0,
          keys: [...(found?.keys ?? [])],
        }).finish();
        call.respond(this.#options.replier.withHeader(body));
      },
      (error: unknown) => failWith(call, error),
    );
  }

  #leases(call: UnaryCall): void {
    this.#identified(call, (who) => {
      const ids = this.#options.opened.lessor.leases();
      refuse(this.#options.opened.auth.anonymousRefusal(who));
      for (const id of ids) this.#refuseUnpermitted(who, "read", id);
      const leases = ids.map((ID) => ({ ID }));
      const body = LeaseLeasesResponse.encode({ header: undefined, leases }).finish();
      call.respond(this.#options.replier.withHeader(body));
    });
  }

  /** @throws ApiError for who may not read, or write, all keys of the lease */
  #refuseUnpermitted(who: AuthInfo | undefined, access: Access, id: LeaseId): void {
    const { opened, refusals } = this.#options;
    if (!opened.auth.isEnabled) return;
    refuse(opened.auth.anonymousRefusal(who) ?? refusals.leaseKeys(who ?? NOBODY, access, id));
  }
}
