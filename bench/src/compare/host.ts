import { rmSync } from "node:fs";
import { join } from "node:path";
import { nodeClock } from "@kvorum/base/node";
import { BenchError } from "../bench-error.js";
import { ClientConnection } from "../wire/connection.js";
import { RpcClient } from "../workloads/rpc-client.js";
import { freePorts, whilePortsAreTaken } from "./free-ports.js";
import type { Identity } from "./identity.js";
import { type ServerProcess, startServer } from "./server-process.js";
import type { Target } from "./target.js";

/** How every server of a comparison is started. */
export interface HostOptions {
  /** Its members' data directories are made in it. */
  readonly directory: string;
  readonly members: number;
  readonly identity: Identity | undefined;
  readonly moreArgs?: readonly string[];
}

/** What a load goes to: one process of a target, or the members of a cluster of it. */
export interface Host {
  readonly target: Target;
  /** A restart puts another process in a place. */
  readonly members: ServerProcess[];
  readonly options: HostOptions;
}

/** Who leads, as that member says itself. */
export interface Leadership {
  readonly leader: ServerProcess;
  /** Empty for a host of one process. */
  readonly followers: readonly ServerProcess[];
  /** Grows with every election. */
  readonly term: number;
}

/** Starts a target on fresh data directories. @throws BenchError "SERVER" */
export function startHost(target: Target, options: HostOptions): Promise<Host> {
  const dataDir = join(options.directory, target.name.replace(/\W/g, "-"));
  return whilePortsAreTaken(async () => {
    if (options.members > 1) return startCluster(target, options, dataDir);
    rmSync(dataDir, { recursive: true, force: true });
    const { identity, moreArgs = [] } = options;
    const only = await startServer(target, { dataDir, identity, moreArgs });
    return { target, options, members: [only] };
  });
}

/** Starts all members at a time, since none serves before most of them run. */
async function startCluster(target: Target, options: HostOptions, dataDir: string): Promise<Host> {
  const { identity, moreArgs = [] } = options;
  const ports = await freePorts(2 * options.members);
  const members = Array.from({ length: options.members }, (_, i) => ({
    name: `m${i}`,
    peerPort: ports[2 * i]!,
    port: ports[2 * i + 1]!,
  }));
  for (const { name } of members) rmSync(`${dataDir}-${name}`, { recursive: true, force: true });
  const started = await Promise.allSettled(
    members.map(({ name, peerPort, port }) =>
      startServer(target, {
        ...{ port, identity, moreArgs, dataDir: `${dataDir}-${name}` },
        place: { name, peerPort, members },
      }),
    ),
  );
  const running = started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const failed = started.find((one) => one.status === "rejected");
  if (failed !== undefined) {
    for (const member of running) await member.kill();
    throw failed.reason;
  }
  return { target, options, members: running };
}

/** Ends every member. @throws BenchError "SERVER" when one had ended by itself, the last such */
export async function stopHost({ members }: Host): Promise<void> {
  const ended = await Promise.allSettled(members.map((member) => member.stop()));
  const failed = ended.find((one) => one.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

/** Milliseconds in which a cluster that had lost its leader must have another. */
const LEADER_WITHIN_MS = 15_000;

/** Asks every member by Status, again until one says that it leads. @throws BenchError "SERVER" */
export async function findLeader(host: Host): Promise<Leadership> {
  const startMs = nodeClock.nowMs();
  for (;;) {
    for (const member of host.members) {
      const status = await statusOf(member, host.options.identity);
      if (status === undefined || status.leader === 0n) continue;
      if (status.leader !== status.header?.memberId) continue;
      const followers = host.members.filter((other) => other !== member);
      return { leader: member, followers, term: status.raftTerm };
    }
    if (nodeClock.nowMs() - startMs > LEADER_WITHIN_MS) {
      throw new BenchError("SERVER", `${host.target.name} has no leader`);
    }
    await new Promise<void>((resolve) => nodeClock.after(100, resolve));
  }
}

/** Undefined from a member that doesn't answer. */
async function statusOf({ endpoint }: ServerProcess, identity: Identity | undefined) {
  let connection: ClientConnection | undefined;
  try {
    const options = { endpoint, tls: identity?.client, nowMs: nodeClock.nowMs };
    connection = await ClientConnection.connect(options);
    return await new RpcClient(connection).status();
  } catch (error) {
    if (error instanceof BenchError) return undefined;
    throw error;
  } finally {
    connection?.close();
  }
}
