export {
  type Metadata,
  type Method,
  type MethodTable,
  type Peer,
  Status,
  type StatusCode,
  type StreamCall,
  type TransportStat,
  type UnaryCall,
} from "./types.js";
