import { status } from "@grpc/grpc-js";
import { v3electionpb } from "@kvorum/api";
import { plain } from "./compare-responses.js";
import { deleteRange, election, kv, lease, lock, type Rpc, range } from "./rpc.js";

/** How long a server may take for what it does by itself. */
const WITHIN_MS = 20_000;
const POLL_MS = 20;

/** A call that waits, which the script goes on without. */
export interface Pending {
  /** Puts its outcome into the transcript. */
  settled(): Promise<void>;
}

/** An Observe under way. */
export interface Observation {
  /** Puts the next `count` messages into the transcript, then ends the stream. */
  take(count: number): Promise<void>;
}

export interface As {
  readonly token?: string;
  readonly deadlineMs?: number;
}

/**
 * A script of requests about locks and elections to one server, and all that it answered, as plain
 * data in which two servers must agree: of headers the revision alone.
 */
export class RecipeTranscript {
  readonly lines: unknown[] = [];
  readonly #rpc: Rpc;

  constructor(rpc: Rpc) {
    this.#rpc = rpc;
  }

  lock(name: string, leaseId: bigint, as: As = {}): Promise<void> {
    return this.lockLater(name, leaseId, as).settled();
  }

  lockLater(name: string, leaseId: bigint, as: As = {}): Pending {
    const request = { name: Buffer.from(name), lease: leaseId };
    return this.#begin(`lock ${name} ${leaseId}`, as, (ms, token) =>
      this.#rpc.call(lock.lock, request, ms, token),
    );
  }

  unlock(key: string, as: As = {}): Promise<void> {
    const request = { key: Buffer.from(key) };
    return this.#begin(`unlock ${key}`, as, (ms, token) =>
      this.#rpc.call(lock.unlock, request, ms, token),
    ).settled();
  }

  campaignLater(name: string, leaseId: bigint, value: string, as: As = {}): Pending {
    const request = { name: Buffer.from(name), lease: leaseId, value: Buffer.from(value) };
    return this.#begin(`campaign ${name} ${leaseId} ${value}`, as, (ms, token) =>
      this.#rpc.call(election.campaign, request, ms, token),
    );
  }

  campaign(name: string, leaseId: bigint, value: string, as: As = {}): Promise<void> {
    return this.campaignLater(name, leaseId, value, as).settled();
  }

  proclaim(leader: v3electionpb.LeaderKey | undefined, value: string, as: As = {}): Promise<void> {
    const request = { leader, value: Buffer.from(value) };
    return this.#begin(`proclaim ${value}`, as, (ms, token) =>
      this.#rpc.call(election.proclaim, request, ms, token),
    ).settled();
  }

  leader(name: string, as: As = {}): Promise<void> {
    return this.#begin(`leader ${name}`, as, (ms, token) =>
      this.#rpc.call(election.leader, { name: Buffer.from(name) }, ms, token),
    ).settled();
  }

  resign(leader: v3electionpb.LeaderKey | undefined, as: As = {}): Promise<void> {
    return this.#begin("resign", as, (ms, token) =>
      this.#rpc.call(election.resign, { leader }, ms, token),
    ).settled();
  }

  observe(name: string, as: As = {}): Observation {
    const path = "/v3electionpb.Election/Observe";
    const { LeaderRequest, LeaderResponse } = v3electionpb;
    const stream = this.#rpc.stream(path, LeaderRequest, LeaderResponse, as.token);
    const arrived: unknown[] = [];
    let wake = () => {};
    const arrive = (what: unknown) => {
      arrived.push(what);
      wake();
    };
    stream.on("data", (response) => arrive(plain(response)));
    stream.on("error", ({ code, details }: { code: number; details: string }) =>
      arrive({ code, details }),
    );
    stream.on("end", () => arrive("end"));
    stream.write({ name: Buffer.from(name) });
    stream.end();
    return {
      take: async (count) => {
        while (arrived.length < count) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        this.lines.push([`observe ${name}`, ...arrived.slice(0, count)]);
        stream.cancel();
      },
    };
  }

  async grant(ID: bigint): Promise<void> {
    await this.#rpc.call(lease.leaseGrant, { ID, TTL: 600 });
  }

  async revoke(ID: bigint): Promise<void> {
    await this.#rpc.call(lease.leaseRevoke, { ID });
  }

  async delete(key: string): Promise<void> {
    await this.#rpc.call(kv.deleteRange, deleteRange({ key: Buffer.from(key) }));
  }

  /** The keys there are, with their values, leases and revisions. */
  async keys(): Promise<void> {
    this.lines.push(["keys", plain(await this.#rpc.call(kv.range, ALL))]);
  }

  /** Resolves once the key is there, or is not. */
  async until(key: string, isThere: boolean): Promise<void> {
    const asked = range({ key: Buffer.from(key), countOnly: true });
    for (let waitedMs = 0; ; waitedMs += POLL_MS) {
      const { count } = await this.#rpc.call(kv.range, asked);
      if (count > 0 === isThere) return;
      if (waitedMs > WITHIN_MS) throw new Error(`${key} is ${isThere ? "not" : "still"} there`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  #begin(
    name: string,
    { token, deadlineMs = WITHIN_MS }: As,
    call: (deadlineMs: number, token: string | undefined) => Promise<unknown>,
  ): Pending {
    const outcome = call(deadlineMs, token).then(plain, outcomeOf);
    return {
      settled: async () => {
        this.lines.push([name, await outcome]);
      },
    };
  }
}

/** An error as clients see it. Of a deadline the client hears first from itself, or the server. */
function outcomeOf(error: { readonly code: number; readonly details: string }): unknown {
  const { code, details } = error;
  const isOver = code === status.DEADLINE_EXCEEDED || code === status.CANCELLED;
  return isOver ? "gave up" : { code, details };
}

const LEAST = Buffer.from([0]);
const ALL = range({ key: LEAST, rangeEnd: LEAST });
