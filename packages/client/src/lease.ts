import { etcdserverpb } from "@kvorum/api";
import { ClientError } from "./client-error.js";
import type { CallOptions } from "./client-options.js";
import { LeaseKeepAlive } from "./lease-keep-alive.js";
import { type KeepListener, LeaseKeeper } from "./lease-keeper.js";
import { method } from "./method.js";
import {
  type LeaseGrantResponse,
  type LeaseKeepAliveResponse,
  type LeaseLeasesResponse,
  type LeaseRevokeResponse,
  type LeaseTimeToLiveResponse,
  received,
} from "./responses.js";
import type { Transport } from "./transport.js";

const { LeaseDefinition } = etcdserverpb;
const { methods } = LeaseDefinition;
const GRANT = method(LeaseDefinition, methods.leaseGrant);
const REVOKE = method(LeaseDefinition, methods.leaseRevoke);
const TIME_TO_LIVE = method(LeaseDefinition, methods.leaseTimeToLive);
const LEASES = method(LeaseDefinition, methods.leaseLeases);

/** Leases. Every call throws ClientError. The counterpart of clientv3's Lease. */
export class Lease {
  readonly #transport: Transport;
  readonly #keeper: LeaseKeeper;

  constructor(transport: Transport) {
    this.#transport = transport;
    this.#keeper = new LeaseKeeper(transport);
  }

  /** Makes a lease that lives `ttlSeconds` unless renewed. @param options id: 0n lets the server choose */
  async grant(
    ttlSeconds: number,
    options: { readonly id?: bigint } & CallOptions = {},
  ): Promise<LeaseGrantResponse> {
    const request = { TTL: ttlSeconds, ID: options.id ?? 0n };
    return received(await this.#transport.unary(GRANT, request, "write", options));
  }

  /** Ends a lease and deletes the keys attached to it. */
  async revoke(id: bigint, options: CallOptions = {}): Promise<LeaseRevokeResponse> {
    return received(await this.#transport.unary(REVOKE, { ID: id }, "write", options));
  }

  /** Of a lease that is gone, TTL is -1. @param options keys: list the attached keys */
  async timeToLive(
    id: bigint,
    options: { readonly keys?: boolean } & CallOptions = {},
  ): Promise<LeaseTimeToLiveResponse> {
    const request = { ID: id, keys: options.keys ?? false };
    return received(await this.#transport.unary(TIME_TO_LIVE, request, "read", options));
  }

  async leases(options: CallOptions = {}): Promise<LeaseLeasesResponse> {
    return received(await this.#transport.unary(LEASES, {}, "read", options));
  }

  /** Renews the lease now and for as long as it goes, at a third of its TTL each time. */
  keepAlive(id: bigint): LeaseKeepAlive {
    return new LeaseKeepAlive(this.#keeper, id);
  }

  /** Renews the lease once. @throws ClientError "NOT_FOUND" when it is gone */
  keepAliveOnce(id: bigint): Promise<LeaseKeepAliveResponse> {
    const keeper = this.#keeper;
    return new Promise((resolve, reject) => {
      const listener: KeepListener = {
        onResponse: (response) => {
          keeper.release(id, listener);
          resolve(response);
        },
        onEnd: (error) => reject(error ?? leaseNotFound()),
      };
      keeper.keep(id, listener);
    });
  }

  close(): void {
    this.#keeper.close();
  }
}

/** What is said of a lease that has expired or was revoked. */
export function leaseNotFound(): ClientError {
  return new ClientError("NOT_FOUND", "etcdserver: requested lease not found", { grpcCode: 5 });
}
