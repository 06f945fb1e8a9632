// Step 2 of the write path, with authentication on: who calls.
import { createHash } from "node:crypto";
import { apiError } from "@kvorum/api";
import type { Peer, StreamCall, UnaryCall } from "@kvorum/grpc";
import type { AuthInfo } from "../auth/auth-info.js";
import type { AuthStore } from "../auth/auth-store.js";
import type { Logger } from "../observe/logger.js";
import { commonNameOf } from "../tls/common-name.js";
import { failWith } from "./guard.js";

type Call = UnaryCall | StreamCall;
type Found = AuthInfo | undefined;

/** Digits of a token's digest in the log. */
const FINGERPRINT_DIGITS = 12;

/**
 * Says who makes a call: the user whom its token stands for, or whom its certificate names. Asked
 * by the services where etcd asks, because the order of refusals is seen by clients, and only while
 * authentication is on.
 */
export class Identities {
  readonly #auth: AuthStore;
  readonly #takesCommonNames: boolean;
  readonly #logger: Logger;
  readonly #commonNames = new WeakMap<Peer, { readonly name: string | undefined }>();

  constructor(options: {
    readonly auth: AuthStore;
    /** --client-cert-auth */
    readonly takesCommonNames: boolean;
    readonly logger: Logger;
  }) {
    this.#auth = options.auth;
    this.#takesCommonNames = options.takesCommonNames;
    this.#logger = options.logger;
  }

  /** False: authentication is off, and nobody needs to be asked for. */
  get areNeeded(): boolean {
    return this.#auth.isEnabled;
  }

  /**
   * Calls `next` with the caller, undefined for one who said nothing: before it returns, or later
   * when a signature or the log has to be waited for. What goes wrong then, in `next` as well, ends
   * the call.
   * @throws ApiError invalidAuthToken, and what `next` throws
   */
  identify(call: Call, next: (who: Found) => void): void {
    const found = this.of(call);
    if (!(found instanceof Promise)) {
      next(found);
      return;
    }
    found.then(next).catch((error: unknown) => failWith(call, error));
  }

  /** @throws ApiError invalidAuthToken, or rejects with it */
  of(call: Call): Found | Promise<Found> {
    if (!this.areNeeded) return undefined;
    const { metadata } = call;
    const given = metadata.get("token") ?? metadata.get("authorization");
    if (given === undefined) return this.#byCertificate(call);
    const holder = this.#auth.holderOf(given, call);
    if (!(holder instanceof Promise)) return holder ?? this.#refuse(given);
    return holder.then((late) => late ?? this.#refuse(given));
  }

  #refuse(token: string): never {
    const digest = createHash("sha256").update(token).digest("hex");
    const fingerprint = digest.slice(0, FINGERPRINT_DIGITS);
    this.#logger.warn("invalid auth token", { "token-fingerprint": fingerprint });
    throw apiError("invalidAuthToken");
  }

  #byCertificate({ peer, metadata }: Call): Found {
    if (!this.#takesCommonNames) return undefined;
    // A gateway calls with its own certificate for all its clients.
    if (metadata.get("grpcgateway-accept") !== undefined) return undefined;
    let known = this.#commonNames.get(peer);
    if (known === undefined) {
      known = { name: commonNameOf(peer.socket) };
      this.#commonNames.set(peer, known);
    }
    if (known.name === undefined) return undefined;
    return { username: known.name, revision: this.#auth.revision };
  }
}
