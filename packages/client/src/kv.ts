import { etcdserverpb } from "@kvorum/api";
import { asClientError } from "./client-error.js";
import type { CallOptions } from "./client-options.js";
import { method } from "./method.js";
import {
  type Bytes,
  type DeleteOptions,
  deleteRequest,
  type GetOptions,
  type PutOptions,
  putRequest,
  rangeRequest,
} from "./ops.js";
import {
  type CompactResponse,
  type DeleteResponse,
  type GetResponse,
  type PutResponse,
  received,
  type TxnResponse,
} from "./responses.js";
import type { Transport } from "./transport.js";
import { isReadOnly, type Txn, txnRequest } from "./txn.js";

const { KVDefinition } = etcdserverpb;
const RANGE = method(KVDefinition, KVDefinition.methods.range);
const RANGE_STREAM = method(KVDefinition, KVDefinition.methods.rangeStream);
const PUT = method(KVDefinition, KVDefinition.methods.put);
const DELETE_RANGE = method(KVDefinition, KVDefinition.methods.deleteRange);
const TXN = method(KVDefinition, KVDefinition.methods.txn);
const COMPACT = method(KVDefinition, KVDefinition.methods.compact);

/** Keys and values. Every call throws ClientError. The counterpart of clientv3's KV. */
export class Kv {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Reads one key or a range; linearizable unless `serializable` is set. */
  async get(key: Bytes, options: GetOptions & CallOptions = {}): Promise<GetResponse> {
    const request = rangeRequest(key, options);
    return received(await this.#transport.unary(RANGE, request, "read", options));
  }

  /** As `get`, in pieces, so that a large range needs no large message (servers from 3.7). */
  async *getStream(
    key: Bytes,
    options: GetOptions & CallOptions = {},
  ): AsyncGenerator<GetResponse, void, undefined> {
    const request = rangeRequest(key, options);
    try {
      for await (const item of await this.#transport.serverStream(RANGE_STREAM, request, options)) {
        const { rangeResponse } = item as etcdserverpb.RangeStreamResponse;
        if (rangeResponse !== undefined) yield received(rangeResponse);
      }
    } catch (error) {
      throw asClientError(error);
    }
  }

  async put(
    key: Bytes,
    value: Bytes,
    options: PutOptions & CallOptions = {},
  ): Promise<PutResponse> {
    const request = putRequest(key, value, options);
    return received(await this.#transport.unary(PUT, request, "write", options));
  }

  async delete(key: Bytes, options: DeleteOptions & CallOptions = {}): Promise<DeleteResponse> {
    const request = deleteRequest(key, options);
    return received(await this.#transport.unary(DELETE_RANGE, request, "write", options));
  }

  async txn(txn: Txn, options: CallOptions = {}): Promise<TxnResponse> {
    const safety = isReadOnly(txn) ? "read" : "write";
    return received(await this.#transport.unary(TXN, txnRequest(txn), safety, options));
  }

  /**
   * Drops the history below `revision`.
   * @param options physical: resolve only when the space is free again
   */
  async compact(
    revision: number,
    options: { readonly physical?: boolean } & CallOptions = {},
  ): Promise<CompactResponse> {
    const request = { revision, physical: options.physical ?? false };
    return received(await this.#transport.unary(COMPACT, request, "write", options));
  }
}
