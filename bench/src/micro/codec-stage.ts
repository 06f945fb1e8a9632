import {
  decodeProposal,
  decodePutRequest,
  decodeRangeRequest,
  decodeTxnRequest,
  encodeProposal,
  etcdserverpb,
  HeaderEncoder,
  ProposalField,
  WireWriter,
  writeResponse,
} from "@kvorum/api";
import { Slab } from "@kvorum/mvcc";
import type { Stage } from "./stage.js";
import { KEY_BYTES, VALUE_BYTES } from "./stage.js";

const CALLS = 10_000;

/** Messages of the hot path: by hand, and as generated for comparison. */
export const CODEC_STAGE: Stage = {
  name: "codec",
  isPerEngine: false,
  open() {
    const key = Buffer.alloc(KEY_BYTES, 1);
    const value = Buffer.alloc(VALUE_BYTES, 2);
    const { PutRequest, RangeRequest, TxnRequest } = etcdserverpb;
    const request = PutRequest.fromPartial({ key, value });
    const put = PutRequest.encode(request).finish();
    const range = RangeRequest.encode(RangeRequest.fromPartial({ key })).finish();
    const success = [{ request: { $case: "requestPut" as const, value: request } }];
    const txn = TxnRequest.encode({ compare: [], success, failure: [] }).finish();
    const writer = new WireWriter();
    const header = new HeaderEncoder({ clusterId: 2n ** 63n + 1n, memberId: 2n ** 62n + 1n });
    const id = { high: 1, low: 2 };
    const slab = new Slab();
    const proposal = encodeProposal(slab, id, ProposalField.put, put);
    const reply = { kind: "put" as const, revision: 5, prevKv: undefined };
    const times = (name: string, once: () => void) => ({
      name,
      operations: CALLS,
      run() {
        for (let i = 0; i < CALLS; i++) once();
      },
    });
    const cases = [
      times("decode a put", () => decodePutRequest(put)),
      times("decode a put, generated", () => PutRequest.decode(put)),
      times("decode a range", () => decodeRangeRequest(range)),
      times("decode a transaction", () => decodeTxnRequest(txn)),
      times("encode a proposal", () => encodeProposal(slab, id, ProposalField.put, put)),
      times("decode a proposal", () => decodeProposal(proposal)),
      times("encode a put's reply", () => writeResponse(writer, header, 3, reply)),
    ];
    return Promise.resolve({ cases, close: () => Promise.resolve() });
  },
};
