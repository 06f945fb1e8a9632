export type {
  AppliedPosition,
  LeaseAttachments,
  Revision,
  RevisionEvents,
  StoreEvent,
  WatchSink,
  WatchSource,
} from "./types.js";
export type { BufferedStore } from "./write-buffer-port.js";
