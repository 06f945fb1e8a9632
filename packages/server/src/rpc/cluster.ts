import { type ApiError, decodeMessage, etcdserverpb } from "@kvorum/api";
import type { Method, UnaryCall } from "@kvorum/grpc";
import { refuse } from "../auth/auth-applier.js";
import type { AuthStore } from "../auth/auth-store.js";
import type { ReadIndexQueue } from "../consensus/read-index.js";
import type { Member } from "../membership/member.js";
import type { Membership } from "../membership/membership-service.js";
import { failWith } from "./guard.js";
import type { Identities } from "./identities.js";
import { fail, type Replier } from "./reply.js";
import { unary } from "./unary.js";

const {
  MemberAddRequest,
  MemberAddResponse,
  MemberListRequest,
  MemberListResponse,
  MemberPromoteRequest,
  MemberRemoveRequest,
  MemberUpdateRequest,
} = etcdserverpb;

export interface ClusterServiceOptions {
  readonly membership: Membership;
  readonly reads: ReadIndexQueue;
  readonly replier: Replier;
  readonly auth: AuthStore;
  readonly identities: Identities;
}

/** etcdserverpb.Cluster. Its headers carry no revision. */
export class ClusterService {
  readonly #options: ClusterServiceOptions;

  constructor(options: ClusterServiceOptions) {
    this.#options = options;
  }

  methods(): [string, Method][] {
    const { membership } = this.#options;
    return [
      ["/etcdserverpb.Cluster/MemberAdd", unary((call, message) => this.#add(call, message))],
      ["/etcdserverpb.Cluster/MemberList", unary((call, message) => this.#list(call, message))],
      [
        "/etcdserverpb.Cluster/MemberRemove",
        unary((call, message) =>
          this.#change(
            call,
            membership.remove(decodeMessage(MemberRemoveRequest, message).ID, call),
          ),
        ),
      ],
      [
        "/etcdserverpb.Cluster/MemberUpdate",
        unary((call, message) => {
          const { ID, peerURLs } = decodeMessage(MemberUpdateRequest, message);
          this.#change(call, membership.update(ID, peerURLs, call));
        }),
      ],
      [
        "/etcdserverpb.Cluster/MemberPromote",
        unary((call, message) =>
          this.#change(
            call,
            membership.promote(decodeMessage(MemberPromoteRequest, message).ID, call),
          ),
        ),
      ],
    ];
  }

  #add(call: UnaryCall, message: Buffer): void {
    const { peerURLs, isLearner } = decodeMessage(MemberAddRequest, message);
    this.#options.membership.add({ peerUrls: peerURLs, isLearner }, call).then(
      (added) => {
        const member = toMessage(added);
        const members = this.#options.membership.members().map(toMessage);
        const body = MemberAddResponse.encode({ header: undefined, member, members }).finish();
        call.respond(this.#options.replier.withHeader(body, 0));
      },
      (error: unknown) => failWith(call, error),
    );
  }

  /** Remove, update and promote answer with the members in the same field. */
  #change(call: UnaryCall, done: Promise<readonly Member[]>): void {
    done.then(
      (members) => this.#respondMembers(call, members),
      (error: unknown) => failWith(call, error),
    );
  }

  #list(call: UnaryCall, message: Buffer): void {
    const ready = () => {
      try {
        this.#listFor(call);
      } catch (error) {
        failWith(call, error);
      }
    };
    if (!decodeMessage(MemberListRequest, message).linearizable) ready();
    else this.#options.reads.wait({ ready, failed: (error: ApiError) => fail(call, error) });
  }

  /** Any user may look. */
  #listFor(call: UnaryCall): void {
    const { auth, identities, membership } = this.#options;
    identities.identify(call, (who) => {
      refuse(auth.anonymousRefusal(who));
      this.#respondMembers(call, membership.members());
    });
  }

  #respondMembers(call: UnaryCall, members: readonly Member[]): void {
    const list = members.map(toMessage);
    const body = MemberListResponse.encode({ header: undefined, members: list });
    call.respond(this.#options.replier.withHeader(body.finish(), 0));
  }
}

function toMessage(member: Member): etcdserverpb.Member {
  return {
    ID: member.id,
    name: member.name,
    peerURLs: [...member.peerUrls],
    clientURLs: [...member.clientUrls],
    isLearner: member.isLearner,
  };
}
