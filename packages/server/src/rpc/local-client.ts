import {
  ApiError,
  type DecodableType,
  decodeMessage,
  type etcdserverpb,
  etcdserverpb as pb,
} from "@kvorum/api";
import { assert, type Clock } from "@kvorum/base";
import type {
  MessagePart,
  Metadata,
  Method,
  Peer,
  SplicedMessage,
  StatusCode,
  UnaryCall,
} from "@kvorum/grpc";
import { failWith } from "./guard.js";

/** On whose behalf a member asks itself: whoever made the call that is being served. */
export interface Caller {
  readonly metadata: Metadata;
  readonly peer: Peer;
}

export interface LocalClientOptions {
  /** The methods of KV and Lease, as they are before the guard. */
  readonly methods: ReadonlyMap<string, Method>;
  readonly clock: Clock;
}

/**
 * The member as a client of itself, for services that are made of other requests: each goes the way
 * of one that came by the network, from the service's handler on, so that what is checked there
 * (rights of the caller, quota, validity) is checked here. Leader, learner and figures have been
 * looked at when the caller's own call began. The counterpart of etcd's v3client.
 *
 * A request that was handed over runs to its end, also when its caller has gone: what it did is then
 * known, and can be undone. Every method rejects with an ApiError.
 */
export class LocalClient {
  readonly #options: LocalClientOptions;

  constructor(options: LocalClientOptions) {
    this.#options = options;
  }

  range(
    caller: Caller,
    request: Partial<etcdserverpb.RangeRequest>,
  ): Promise<etcdserverpb.RangeResponse> {
    const bytes = pb.RangeRequest.encode({ ...EMPTY_RANGE, ...request }).finish();
    return this.#ask(caller, "/etcdserverpb.KV/Range", bytes, pb.RangeResponse);
  }

  txn(caller: Caller, request: etcdserverpb.TxnRequest): Promise<etcdserverpb.TxnResponse> {
    const bytes = pb.TxnRequest.encode(request).finish();
    return this.#ask(caller, "/etcdserverpb.KV/Txn", bytes, pb.TxnResponse);
  }

  /** Deletes one key. */
  delete(caller: Caller, key: Uint8Array): Promise<etcdserverpb.DeleteRangeResponse> {
    const request = { key, rangeEnd: NO_BYTES, prevKv: false };
    const bytes = pb.DeleteRangeRequest.encode(request).finish();
    return this.#ask(caller, "/etcdserverpb.KV/DeleteRange", bytes, pb.DeleteRangeResponse);
  }

  /** Grants a lease whose id the server chooses. */
  leaseGrant(caller: Caller, ttlSeconds: number): Promise<etcdserverpb.LeaseGrantResponse> {
    const bytes = pb.LeaseGrantRequest.encode({ TTL: ttlSeconds, ID: 0n }).finish();
    return this.#ask(caller, "/etcdserverpb.Lease/LeaseGrant", bytes, pb.LeaseGrantResponse);
  }

  async #ask<Response>(
    caller: Caller,
    path: string,
    request: Uint8Array,
    responseType: DecodableType<Response>,
  ): Promise<Response> {
    const { methods, clock } = this.#options;
    const method = methods.get(path);
    assert(method?.kind === "unary", `the member serves ${path}`);
    const message = await new Promise<Uint8Array>((resolve, reject) => {
      const call = new LocalCall({ path, caller, startMs: clock.nowMs(), resolve, reject });
      try {
        method.handle(call, Buffer.from(request.buffer, request.byteOffset, request.byteLength));
      } catch (error) {
        failWith(call, error);
      }
    });
    return decodeMessage(responseType, message);
  }
}

const NO_BYTES = new Uint8Array(0);

const EMPTY_RANGE = pb.RangeRequest.decode(NO_BYTES);

interface LocalCallOptions {
  readonly path: string;
  readonly caller: Caller;
  readonly startMs: number;
  readonly resolve: (message: Uint8Array) => void;
  readonly reject: (error: ApiError) => void;
}

/** What a handler sees of such a request: a call that nobody cancels, and whose answer is kept. */
class LocalCall implements UnaryCall {
  readonly path: string;
  readonly metadata: Metadata;
  readonly peer: Peer;
  readonly deadlineMs = Number.POSITIVE_INFINITY;
  readonly cancelled = false;
  readonly #options: LocalCallOptions;
  startMs: number;
  onCancel: (() => void) | undefined = undefined;
  state: unknown = undefined;

  constructor(options: LocalCallOptions) {
    this.#options = options;
    this.path = options.path;
    this.metadata = options.caller.metadata;
    this.peer = options.caller.peer;
    this.startMs = options.startMs;
  }

  respond(message: Uint8Array): void {
    this.#options.resolve(message);
  }

  respondCopy(scratch: Uint8Array, length: number): void {
    this.#options.resolve(Buffer.from(scratch.subarray(0, length)));
  }

  respondSpliced({ head, headBytes, body, bodyStart, bodyEnd, tail }: SplicedMessage): void {
    const pieces = [head.subarray(0, headBytes), body.subarray(bodyStart, bodyEnd), tail];
    this.#options.resolve(Buffer.concat(pieces));
  }

  respondParts(parts: readonly MessagePart[]): void {
    const message = Buffer.allocUnsafe(parts.reduce((length, part) => length + part.length, 0));
    let at = 0;
    for (const part of parts) {
      if (part instanceof Uint8Array) message.set(part, at);
      else part.copyNext(message, at, part.length);
      at += part.length;
    }
    this.#options.resolve(message);
  }

  fail(code: StatusCode, message: string): void {
    this.#options.reject(new ApiError(code, message));
  }
}
