import { join } from "node:path";
import type { ChannelCredentials } from "@grpc/grpc-js";
import { etcdserverpb } from "@kvorum/api";
import { ClusterMember, type Program } from "./cluster-member.js";
import type { PeerNetwork } from "./cluster-network.js";
import { lastingPort } from "./cluster-ports.js";
import { scratchDirectory } from "./processes.js";
import { kv, maintenance, range } from "./rpc.js";

/** Clusters of real processes on loopback ports, ended by their own handles. */

const cluster = etcdserverpb.ClusterDefinition.methods;

export interface ClusterOptions {
  /** One member for each. */
  readonly programs: readonly Program[];
  /** Flags for every member. */
  readonly args?: readonly string[];
  /** Carries what members say to each other, so that it can be cut. */
  readonly network?: PeerNetwork;
  readonly scheme?: "http" | "https";
  readonly channel?: ChannelCredentials;
  readonly token?: string;
}

export interface MemberStatus {
  readonly id: bigint;
  readonly leader: bigint;
  readonly term: bigint | number;
  readonly isLearner: boolean;
}

const AGREE_WITHIN_MS = 90_000;

export const kvorumOn = (engine: string): Program => ({ kind: "kvorum", engine });

export class TestCluster {
  readonly members: ClusterMember[] = [];
  readonly #options: ClusterOptions;
  readonly #directory: string;
  #made = 0;

  private constructor(options: ClusterOptions) {
    this.#options = options;
    this.#directory = scratchDirectory("cluster");
  }

  /** Members infra0, infra1, … that don't run yet. */
  static async create(options: ClusterOptions): Promise<TestCluster> {
    const made = new TestCluster(options);
    for (const program of options.programs) await made.make(program);
    return made;
  }

  /** The same, started and serving. */
  static async start(options: ClusterOptions): Promise<TestCluster> {
    const made = await TestCluster.create(options);
    try {
      await made.launchAll();
    } catch (error) {
      await made.stop("SIGKILL");
      throw error;
    }
    return made;
  }

  /** A further member, not started and not yet in the cluster's membership. */
  async make(program: Program): Promise<ClusterMember> {
    const { network, scheme = "http", channel, args = [] } = this.#options;
    const name = `infra${this.#made++}`;
    const peerPort = await lastingPort();
    const member = new ClusterMember({
      ...{ name, program, scheme, args, peerPort },
      ...(channel === undefined ? {} : { channel }),
      dataDir: join(this.#directory, name),
      clientPort: await lastingPort(),
      advertisedPeerPort: network === undefined ? peerPort : await network.expose(peerPort),
    });
    this.members.push(member);
    return member;
  }

  get initialCluster(): string {
    return this.members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(",");
  }

  async launchAll(): Promise<void> {
    const { token = "etcd-cluster-1" } = this.#options;
    const bootstrap = { initialCluster: this.initialCluster, state: "new", token } as const;
    for (const member of this.members) member.launch(bootstrap);
    await Promise.all(this.members.map((member) => member.serving()));
  }

  /** Member `i` as it was made. */
  at(i: number): ClusterMember {
    const member = this.members[i];
    if (member === undefined) throw new Error(`there is no member ${i}`);
    return member;
  }

  running(): ClusterMember[] {
    return this.members.filter(({ isRunning }) => isRunning);
  }

  /** Adds a member to the membership, through `via`, and starts it. */
  async join(
    program: Program,
    options: { readonly isLearner?: boolean; readonly via?: ClusterMember } = {},
  ): Promise<ClusterMember> {
    const via = options.via ?? this.running()[0]!;
    const member = await this.make(program);
    await this.admit(member, { via, isLearner: options.isLearner ?? false });
    return member;
  }

  /** Makes a process that stands ready a member and starts it. */
  async admit(
    member: ClusterMember,
    { via, isLearner }: { readonly via: ClusterMember; readonly isLearner: boolean },
  ): Promise<void> {
    const request = { peerURLs: [member.peerUrl], isLearner };
    const { members } = await settled(() => via.rpc.call(cluster.memberAdd, request));
    const names = new Map(this.members.map(({ peerUrl, name }) => [peerUrl, name]));
    const initialCluster = members
      .map(({ peerURLs, name }) => `${name || names.get(peerURLs[0]!)}=${peerURLs[0]}`)
      .join(",");
    const { token = "etcd-cluster-1" } = this.#options;
    member.launch({ initialCluster, state: "existing", token });
  }

  /** Stops a member's process and forgets it. */
  async forget(member: ClusterMember): Promise<void> {
    await member.stop("SIGKILL");
    member.rpc.close();
    this.members.splice(this.members.indexOf(member), 1);
  }

  /** The member that leads, once all that run agree on it. */
  async leader(withinMs = AGREE_WITHIN_MS, among = this.running()): Promise<ClusterMember> {
    return await eventually(`a leader of ${among.map(({ name }) => name)}`, withinMs, async () => {
      const statuses = await Promise.all(among.map(statusOf));
      const [first] = statuses;
      if (first === undefined || first.leader === 0n) return undefined;
      if (statuses.some(({ leader, term }) => leader !== first.leader || term !== first.term)) {
        return undefined;
      }
      return among[statuses.findIndex(({ id }) => id === first.leader)];
    });
  }

  async follower(withinMs = AGREE_WITHIN_MS): Promise<ClusterMember> {
    const leader = await this.leader(withinMs);
    return this.running().find((member) => member !== leader)!;
  }

  /** Resolves to the hash once all running members have the same at the same revision. */
  async equalHash(withinMs = AGREE_WITHIN_MS): Promise<number> {
    return await eventually("equal HashKV on all members", withinMs, async () => {
      const [first] = this.running();
      const read = range({ key: Buffer.from([0]), countOnly: true });
      const revision = (await first!.rpc.call(kv.range, read)).header!.revision;
      const hashes = await Promise.all(
        this.running().map(async ({ name, rpc }) => {
          const found = await rpc.call(maintenance.hashKV, { revision });
          return { name, hash: found.hash, compacted: found.compactRevision };
        }),
      );
      const isEqual = hashes.every(
        ({ hash, compacted }) => hash === hashes[0]!.hash && compacted === hashes[0]!.compacted,
      );
      if (!isEqual) throw new Error(`hashes at ${revision}: ${JSON.stringify(hashes)}`);
      return hashes[0]!.hash;
    });
  }

  /** Ends all processes; they may be launched again. */
  async stopProcesses(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop(signal)));
  }

  /** Ends all, for good. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    await this.stopProcesses(signal);
    for (const { rpc } of this.members) rpc.close();
    this.#options.network?.close();
  }
}

export async function statusOf(member: ClusterMember): Promise<MemberStatus> {
  const status = await member.rpc.call(maintenance.status, {}, 2_000);
  return {
    id: status.header!.memberId,
    leader: status.leader,
    term: status.raftTerm,
    isLearner: status.isLearner,
  };
}

/** A member's id, as it says itself. */
export async function idOf(member: ClusterMember): Promise<bigint> {
  return (await statusOf(member)).id;
}

const PAUSE_MS = 50;

/**
 * Asks until the answer is there. What is thrown meanwhile is the cause of the error in the end.
 * @throws Error naming what did not come
 */
export async function eventually<Answer>(
  what: string,
  withinMs: number,
  ask: () => Promise<Answer | undefined>,
): Promise<Answer> {
  const deadline = Date.now() + withinMs;
  let last: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) {
      throw new Error(`no ${what} within ${withinMs} ms: ${String(last)}`, { cause: last });
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

const SETTLE_WITHIN_MS = 90_000;

/** A change of membership, asked again while the members have not been connected for long enough. */
export function settled<Answer>(change: () => Promise<Answer>): Promise<Answer> {
  return eventually("accepted change of membership", SETTLE_WITHIN_MS, async () => {
    try {
      return { answer: await change() };
    } catch (error) {
      const { details } = error as { details?: string };
      if (!/unhealthy cluster|not enough started|in sync with leader/.test(details ?? "")) {
        return { error };
      }
      throw error;
    }
  }).then((outcome) => {
    if ("error" in outcome) throw outcome.error;
    return outcome.answer;
  });
}
