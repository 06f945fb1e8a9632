import { type ApiError, etcdserverpb } from "@kvorum/api";
import type { Method, UnaryCall } from "@kvorum/grpc";
import type { ReadIndexQueue } from "../consensus/read-index.js";
import type { Cluster } from "../membership/cluster.js";
import { fail, type Replier } from "./reply.js";

export interface ClusterServiceOptions {
  readonly cluster: Cluster;
  readonly reads: ReadIndexQueue;
  readonly replier: Replier;
}

/** etcdserverpb.Cluster. Its headers carry no revision. */
export class ClusterService {
  readonly #options: ClusterServiceOptions;

  constructor(options: ClusterServiceOptions) {
    this.#options = options;
  }

  methods(): [string, Method][] {
    return [
      [
        "/etcdserverpb.Cluster/MemberList",
        { kind: "unary", handle: (call, message) => this.#list(call, message) },
      ],
    ];
  }

  #list(call: UnaryCall, message: Buffer): void {
    const { linearizable } = etcdserverpb.MemberListRequest.decode(message);
    const answer = () => {
      const { cluster, replier } = this.#options;
      const members = cluster.members().map((member) => ({
        ID: member.id,
        name: member.name,
        peerURLs: [...member.peerUrls],
        clientURLs: [...member.clientUrls],
        isLearner: member.isLearner,
      }));
      const body = etcdserverpb.MemberListResponse.encode({ header: undefined, members }).finish();
      call.respond(replier.withHeader(body, 0));
    };
    if (!linearizable) answer();
    else
      this.#options.reads.wait({ ready: answer, failed: (error: ApiError) => fail(call, error) });
  }
}
