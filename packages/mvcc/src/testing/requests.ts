import { etcdserverpb, mvccpb, type RawKeyValue } from "@kvorum/api";
import { utf8 } from "@kvorum/base";

type Partially<Message> = { readonly [Field in keyof Message]?: Message[Field] };
type Texts = { readonly key: string; readonly rangeEnd?: string };

export function rangeOf(
  { key, rangeEnd = "" }: Texts,
  options: Partially<Omit<etcdserverpb.RangeRequest, "key" | "rangeEnd">> = {},
): etcdserverpb.RangeRequest {
  const keys = { key: utf8(key), rangeEnd: utf8(rangeEnd) };
  return { ...etcdserverpb.RangeRequest.create(keys), ...options };
}

export function putOf(
  key: string,
  value: string,
  options: Partially<Omit<etcdserverpb.PutRequest, "key" | "value">> = {},
): etcdserverpb.PutRequest {
  const base = etcdserverpb.PutRequest.create({ key: utf8(key), value: utf8(value) });
  return { ...base, ...options };
}

export function deleteOf(
  { key, rangeEnd = "" }: Texts,
  options: { readonly prevKv?: boolean } = {},
): etcdserverpb.DeleteRangeRequest {
  const keys = { key: utf8(key), rangeEnd: utf8(rangeEnd) };
  return { ...etcdserverpb.DeleteRangeRequest.create(keys), ...options };
}

export const op = {
  range: (value: etcdserverpb.RangeRequest): etcdserverpb.RequestOp => ({
    request: { $case: "requestRange", value },
  }),
  put: (value: etcdserverpb.PutRequest): etcdserverpb.RequestOp => ({
    request: { $case: "requestPut", value },
  }),
  delete: (value: etcdserverpb.DeleteRangeRequest): etcdserverpb.RequestOp => ({
    request: { $case: "requestDeleteRange", value },
  }),
  txn: (value: etcdserverpb.TxnRequest): etcdserverpb.RequestOp => ({
    request: { $case: "requestTxn", value },
  }),
};

export function txnOf(
  success: etcdserverpb.RequestOp[],
  options: {
    readonly compare?: etcdserverpb.Compare[];
    readonly failure?: etcdserverpb.RequestOp[];
  } = {},
): etcdserverpb.TxnRequest {
  return { compare: options.compare ?? [], success, failure: options.failure ?? [] };
}

/** A KeyValue in a form that assertions print well. */
export interface PlainKeyValue {
  readonly key: string;
  readonly create: number;
  readonly mod: number;
  readonly version: number;
  readonly value: string;
  readonly lease: bigint;
}

/** Decodes with the generated code; key and value become latin1 texts. */
export function plain(raw: RawKeyValue): PlainKeyValue {
  const kv = mvccpb.KeyValue.decode(raw);
  return {
    key: Buffer.from(kv.key).toString("latin1"),
    create: kv.createRevision,
    mod: kv.modRevision,
    version: kv.version,
    value: Buffer.from(kv.value).toString("latin1"),
    lease: kv.lease,
  };
}
