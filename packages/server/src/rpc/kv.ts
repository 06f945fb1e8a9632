// Step 3 of the write path: validate the request, then quota (4) and propose (5); and the reads.
import {
  ApiError,
  apiError,
  decodeDeleteRangeRequest,
  decodeMessage,
  decodePutRequest,
  decodeRangeRequest,
  decodeTxnRequest,
  etcdserverpb,
  NOT_PLAIN,
  PLAIN_RANGE_KEY_START,
  ProposalField,
  plainPutBytes,
  plainRangeKeyEnd,
  plainTxnPutBytes,
  type RawResponse,
} from "@kvorum/api";
import { assert } from "@kvorum/base";
import type { Method, UnaryCall } from "@kvorum/grpc";
import type { LatestRecord } from "@kvorum/mvcc";
import { refuse } from "../auth/auth-applier.js";
import { type AuthInfo, NOBODY } from "../auth/auth-info.js";
import type { RequestRefusals } from "../auth/request-refusals.js";
import type { OpenedStore } from "../boot/open-store.js";
import type { AppliedResponse } from "../consensus/applied-response.js";
import type { ProposalOwner } from "../consensus/pending-proposals.js";
import type { Proposer } from "../consensus/proposer.js";
import type { ReadOwner } from "../consensus/read-index.js";
import { plainPutCost, putCost, type Quota, txnCost } from "../quota.js";
import { answerPermitted } from "./permitted-read.js";
import { openRangeStream, type RangeStreamOptions } from "./range-stream.js";
import { fail, type Replier } from "./reply.js";
import {
  isReadOnlyTxn,
  isSerializableTxn,
  validatePut,
  validateRange,
  validateTxn,
} from "./txn-validation.js";
import { unary } from "./unary.js";

export interface KvServiceOptions extends RangeStreamOptions {
  readonly proposer: Proposer;
  readonly quota: Quota;
  /** --max-txn-ops */
  readonly txnOpsMax: number;
  /** A request was refused for space: this member should raise NOSPACE. */
  readonly onQuotaExceeded: () => void;
}

/** etcdserverpb.KV */
export class KvService {
  readonly #options: KvServiceOptions;

  constructor(options: KvServiceOptions) {
    this.#options = options;
  }

  methods(): [string, Method][] {
    return [
      ["/etcdserverpb.KV/Range", unary((call, message) => this.#range(call, message))],
      ["/etcdserverpb.KV/Put", unary((call, message) => this.#put(call, message))],
      ["/etcdserverpb.KV/DeleteRange", unary((call, message) => this.#deleteRange(call, message))],
      ["/etcdserverpb.KV/Txn", unary((call, message) => this.#txn(call, message))],
      ["/etcdserverpb.KV/Compact", unary((call, message) => this.#compact(call, message))],
      [
        "/etcdserverpb.KV/RangeStream",
        { kind: "stream", open: (call) => openRangeStream(call, this.#options) },
      ],
    ];
  }

  #range(call: UnaryCall, message: Buffer): void {
    const keyEnd = plainRangeKeyEnd(message);
    if (keyEnd !== 0) {
      const read = new KeyRead(call, { message, keyEnd }, this.#options);
      if (message.length > keyEnd) read.ready();
      else this.#options.reads.wait(read);
      return;
    }
    const request = decodeRangeRequest(message);
    validateRange(request);
    const read = new StoreRead(call, { query: RANGE, request }, this.#options);
    if (request.serializable) read.ready();
    else this.#options.reads.wait(read);
  }

  #put(call: UnaryCall, message: Buffer): void {
    const bytes = plainPutBytes(message);
    if (bytes !== 0) {
      this.#checkQuota(plainPutCost(bytes));
    } else {
      const request = decodePutRequest(message);
      this.#checkQuota(putCost(request));
      validatePut(request);
    }
    this.#propose(ProposalField.put, message, call);
  }

  #deleteRange(call: UnaryCall, message: Buffer): void {
    if (decodeDeleteRangeRequest(message).key.length === 0) throw apiError("emptyKey");
    this.#propose(ProposalField.deleteRange, message, call);
  }

  #txn(call: UnaryCall, message: Buffer): void {
    const bytes = plainTxnPutBytes(message, this.#options.txnOpsMax);
    if (bytes !== NOT_PLAIN) {
      this.#checkQuota(bytes === 0 ? 0 : plainPutCost(bytes));
      this.#propose(ProposalField.txn, message, call);
      return;
    }
    const request = decodeTxnRequest(message);
    this.#checkQuota(txnCost(request));
    validateTxn(request, this.#options.txnOpsMax);
    if (!isReadOnlyTxn(request)) {
      this.#propose(ProposalField.txn, message, call);
      return;
    }
    const read = new StoreRead(call, { query: TXN, request }, this.#options);
    if (isSerializableTxn(request)) read.ready();
    else this.#options.reads.wait(read);
  }

  #compact(call: UnaryCall, message: Buffer): void {
    const request = decodeMessage(etcdserverpb.CompactionRequest, message);
    const owner = new CompactionOwner(call, request.physical, this.#options);
    // Encoded anew: the generated decoder stops at an end-group tag, and what stands behind one in
    // the client's bytes would be read as fields of the entry.
    const canonical = etcdserverpb.CompactionRequest.encode(request).finish();
    this.#options.proposer.propose(ProposalField.compaction, canonical, owner);
  }

  #checkQuota(cost: number): void {
    if (this.#options.quota.allows(cost)) return;
    this.#options.onQuotaExceeded();
    throw apiError("noSpace");
  }

  #propose(field: ProposalField, message: Buffer, call: UnaryCall): void {
    const { proposer, replier, identities } = this.#options;
    const owner = new WriteOwner(call, replier);
    if (!identities.areNeeded) proposer.propose(field, message, owner);
    else identities.identify(call, (who) => proposer.propose(field, message, owner, who));
  }
}

/** Answers a put, delete or transaction once it is applied. */
class WriteOwner implements ProposalOwner {
  readonly #call: UnaryCall;
  readonly #replier: Replier;

  constructor(call: UnaryCall, replier: Replier) {
    this.#call = call;
    this.#replier = replier;
  }

  get startMs(): number {
    return this.#call.startMs;
  }

  applied(response: AppliedResponse): void {
    this.#replier.respond(this.#call, response as RawResponse);
  }

  failed(error: ApiError): void {
    fail(this.#call, error);
  }
}

/** A physical compaction is answered when its deletions are done and committed. */
class CompactionOwner implements ProposalOwner {
  readonly #call: UnaryCall;
  readonly #physical: boolean;
  readonly #options: KvServiceOptions;

  constructor(call: UnaryCall, physical: boolean, options: KvServiceOptions) {
    this.#call = call;
    this.#physical = physical;
    this.#options = options;
  }

  applied(response: AppliedResponse): void {
    assert(response.kind === "compaction", `a compaction answers itself, not ${response.kind}`);
    if (!this.#physical) {
      this.#respond();
      return;
    }
    response.done.then(
      () => this.#respond(),
      () => fail(this.#call, apiError("stopped")),
    );
  }

  failed(error: ApiError): void {
    fail(this.#call, error);
  }

  #respond(): void {
    this.#call.respond(this.#options.replier.withHeader(new Uint8Array(0)));
  }
}

/** A plain range of one key, the hot path: the request is never decoded. */
class KeyRead implements ReadOwner {
  readonly #call: UnaryCall;
  readonly #options: KvServiceOptions;
  readonly bytes: Buffer;
  readonly start = PLAIN_RANGE_KEY_START;
  readonly end: number;

  constructor(
    call: UnaryCall,
    { message, keyEnd }: { readonly message: Buffer; readonly keyEnd: number },
    options: KvServiceOptions,
  ) {
    this.#call = call;
    this.#options = options;
    this.bytes = message;
    this.end = keyEnd;
  }

  ready(): void {
    if (this.#call.cancelled) return;
    const { identities } = this.#options;
    try {
      if (!identities.areNeeded) this.#answer();
      else identities.identify(this.#call, (who = NOBODY) => this.#answerPermitted(who));
    } catch (error) {
      failRead(this.#call, error);
    }
  }

  #answerPermitted(who: AuthInfo): void {
    const { auth } = this.#options.opened;
    const key = this.bytes.subarray(this.start, this.end);
    refuse(auth.accessRefusal(who, "read", { key, rangeEnd: NO_BYTES }) ?? auth.staleRefusal(who));
    this.#answer();
  }

  #answer(): void {
    const { replier, opened } = this.#options;
    const { store } = opened;
    const isFound = store.readLatest(this, record);
    replier.respondRecord(this.#call, store.currentRevision, isFound ? record : undefined);
  }

  failed(error: ApiError): void {
    fail(this.#call, error);
  }
}

const NO_BYTES = new Uint8Array(0);

const record: LatestRecord = { bytes: new Uint8Array(0), start: 0, end: 0 };

/** What a range and a read-only transaction do each in its own way. */
interface Query<Request> {
  read(store: OpenedStore["store"], request: Request): RawResponse | Promise<RawResponse>;
  /** Why this caller may not ask for it. */
  refusal(
    refusals: RequestRefusals,
    who: AuthInfo,
    request: Request,
  ): ReturnType<RequestRefusals["range"]>;
}

const RANGE: Query<etcdserverpb.RangeRequest> = {
  read: (store, request) => store.range(request),
  refusal: (refusals, who, request) => refusals.range(who, request),
};

const TXN: Query<etcdserverpb.TxnRequest> = {
  read: (store, request) => store.readTxn(request),
  refusal: (refusals, who, request) => refusals.txn(who, request),
};

/** Reads the store for a call, once it may. */
class StoreRead<Request> implements ReadOwner {
  readonly #call: UnaryCall;
  readonly #query: Query<Request>;
  readonly #request: Request;
  readonly #options: KvServiceOptions;

  constructor(
    call: UnaryCall,
    { query, request }: { readonly query: Query<Request>; readonly request: Request },
    options: KvServiceOptions,
  ) {
    this.#call = call;
    this.#query = query;
    this.#request = request;
    this.#options = options;
  }

  ready(): void {
    if (this.#call.cancelled) return;
    try {
      if (this.#options.identities.areNeeded) this.#readPermitted();
      else answer(this.#call, this.#options.replier, this.#read());
    } catch (error) {
      failRead(this.#call, error);
    }
  }

  failed(error: ApiError): void {
    fail(this.#call, error);
  }

  #read(): RawResponse | Promise<RawResponse> {
    return this.#query.read(this.#options.opened.store, this.#request);
  }

  #readPermitted(): void {
    const { opened, identities, refusals, replier } = this.#options;
    answerPermitted(this.#call, {
      auth: opened.auth,
      identities,
      replier,
      refusal: (who) => this.#query.refusal(refusals, who, this.#request),
      read: () => this.#read(),
    });
  }
}

/** Short reads answer at once; long ones give other requests a turn and answer later. */
function answer(
  call: UnaryCall,
  replier: Replier,
  response: RawResponse | Promise<RawResponse>,
): void {
  if (!(response instanceof Promise)) {
    replier.respond(call, response);
    return;
  }
  response.then(
    (late) => replier.respond(call, late),
    (error: unknown) => failRead(call, error),
  );
}

function failRead(call: UnaryCall, error: unknown): void {
  if (!(error instanceof ApiError)) throw error;
  fail(call, error);
}
