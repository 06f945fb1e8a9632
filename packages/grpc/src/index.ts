export { huffmanDecode } from "./hpack/huffman.js";
export type { Http2Exchange, Http2Handler } from "./http2-exchange.js";
export type { KeepaliveOptions } from "./keepalive.js";
export type { TransportLimits } from "./limits.js";
export { GrpcServer, type GrpcServerOptions } from "./server.js";
export { type Protocol, type SniffOptions, sniffProtocol } from "./sniff.js";
export {
  type CallObserver,
  type FrameSpace,
  type MessagePart,
  type MessageSource,
  type Metadata,
  type Method,
  type MethodTable,
  type Peer,
  type SplicedMessage,
  Status,
  type StatusCode,
  type StreamCall,
  type TransportStat,
  type UnaryCall,
} from "./types.js";
