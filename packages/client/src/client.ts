import { Auth } from "./auth.js";
import type { CallOptions, ClientOptions } from "./client-options.js";
import { Cluster } from "./cluster.js";
import { Kv } from "./kv.js";
import { Lease } from "./lease.js";
import { Maintenance } from "./maintenance.js";
import type { Bytes } from "./ops.js";
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
