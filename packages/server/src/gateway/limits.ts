const KIB = 1024;
const MIB = 1024 * KIB;

/** Bounds of the JSON gateway. Etcd's has none of its own: its gRPC client and server have some. */
export interface GatewayLimits {
  /** Calls under way on this member; more are refused. */
  readonly openCallsMax: number;
  /** Bytes of requests that are not whole yet, of all calls; more are refused. */
  readonly heldBodyBytesMax: number;
  /**
   * JSON of one message beyond twice the bytes that the message may have, for names and spaces;
   * base64 takes a third more than what it stands for.
   */
  readonly valueExtraBytes: number;
  /** From the head of a unary call to the end of its body. Source: Node's requestTimeout. */
  readonly bodyTimeoutMs: number;
  /**
   * Encoded reply of one message: it becomes up to eight times as many bytes of JSON in one go,
   * which takes half a second.
   */
  readonly replyBytesMax: number;
  /** JSON that a stream's client has not read, above which its call fails. */
  readonly streamQueueBytesMax: number;
}

export const gatewayLimits: GatewayLimits = {
  openCallsMax: 4_096,
  heldBodyBytesMax: 256 * MIB,
  valueExtraBytes: 64 * KIB,
  bodyTimeoutMs: 300_000,
  replyBytesMax: 16 * MIB,
  streamQueueBytesMax: 64 * MIB,
};
