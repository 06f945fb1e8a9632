import { Auth } from "./auth.js";
import type { CallOptions, ClientOptions } from "./client-options.js";
import { Cluster } from "./cluster.js";
import { Election } from "./election.js";
import { Kv } from "./kv.js";
import { Lease } from "./lease.js";
import { type Lock, lock, tryLock } from "./lock.js";
import { Maintenance } from "./maintenance.js";
import type { Bytes } from "./ops.js";
import type { SessionOptions } from "./session.js";
import { Transport } from "./transport.js";
import type { WatchOptions } from "./watch.js";
import { Watch } from "./watch.js";
import type { Watcher } from "./watcher.js";

/**
 * A client of a Kvorum or etcd cluster, over the v3 API. Requests go to the endpoints in turn; one
 * that surely did not reach a server, and any read, moves on to the next when it fails.
 *
 * Values are Buffers, ids bigints and revisions numbers. Nothing is connected before the first
 * request; `close` ends every stream and connection. The counterpart of clientv3's Client.
 */
export class Client {
  readonly endpoints: readonly string[];
  readonly kv: Kv;
  readonly lease: Lease;
  readonly cluster: Cluster;
  readonly maintenance: Maintenance;
  readonly auth: Auth;
  readonly #watch: Watch;
  readonly #transport: Transport;

  /** @throws ClientError "OPTIONS" */
  constructor(options: ClientOptions) {
    this.endpoints = options.endpoints;
    this.#transport = new Transport(options);
    this.kv = new Kv(this.#transport);
    this.lease = new Lease(this.#transport);
    this.#watch = new Watch(this.#transport);
    this.cluster = new Cluster(this.#transport);
    this.maintenance = new Maintenance(this.#transport);
    this.auth = new Auth(this.#transport);
  }

  /** Watches a key or a range; see Watcher. */
  watch(key: Bytes, options: WatchOptions = {}): Watcher {
    return this.#watch.watch(key, options);
  }

  /**
   * Waits for a lock and takes it. Who asks first has it first, `etcdctl lock` and callers of the
   * service v3lockpb.Lock included; it goes back with `unlock`, or when its lease is lost.
   * @throws ClientError "CANCELLED" when the signal ends the wait; no key is left behind then
   */
  lock(name: Bytes, options: SessionOptions = {}): Promise<Lock> {
    return lock(this, name, options);
  }

  /** Takes a lock that is free at once; undefined means that somebody holds it or waits for it. */
  tryLock(name: Bytes, options: SessionOptions = {}): Promise<Lock | undefined> {
    return tryLock(this, name, options);
  }

  /** The election of this name; nothing is asked for before one of its methods is called. */
  election(name: Bytes): Election {
    return new Election(this, name);
  }

  /**
   * Signs the user in now; otherwise the first request does. Without `auth` nothing is sent.
   * @throws ClientError "INVALID_ARGUMENT" for a wrong name or password
   */
  authenticate(options: CallOptions = {}): Promise<void> {
    return this.#transport.authenticate(options);
  }

  /** Ends watches, keepalives and connections; requests under way fail. */
  close(): void {
    this.#watch.close();
    this.lease.close();
    this.#transport.close();
  }
}
