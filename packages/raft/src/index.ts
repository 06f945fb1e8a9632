export { decodeConfChange, encodeConfChange } from "./conf-change-codec.js";
export { entryBytes } from "./messages.js";
export type {
  FollowerState,
  Progress,
  ProposalResult,
  RaftStatus,
  RawNode,
  RawNodeOptions,
  Ready,
} from "./node.js";
export { createRawNode } from "./raw-node.js";
export {
  type ConfChange,
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  type ConfChangeV2,
  type ConfState,
  type Entry,
  EntryType,
  type HardState,
  type Message,
  MessageType,
  type ReadState,
  type Role,
  type Snapshot,
  type SnapshotMetadata,
  type SoftState,
} from "./types.js";
