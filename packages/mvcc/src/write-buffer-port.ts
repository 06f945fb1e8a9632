import type { Bucket, View } from "@kvorum/backends";

/**
 * The engine as its writers and readers see it: writes go to a buffer and are visible at once;
 * the committer carries them to the engine, all or nothing, in the background. Implemented by
 * `BufferedBackend`; used by the store, the lessor, and the server's alarms, members and auth.
 */
export interface BufferedStore {
  /** The newest value: active buffer, flushing buffer, then the engine. */
  get(bucket: Bucket, key: Uint8Array): Uint8Array | undefined;
  /** Takes ownership of both byte arrays. */
  put(bucket: Bucket, key: Uint8Array, value: Uint8Array): void;
  delete(bucket: Bucket, key: Uint8Array): void;
  /** All records of a small bucket (never "key"), newest values, in key order. */
  entries(bucket: Bucket): Promise<readonly (readonly [Uint8Array, Uint8Array])[]>;
  /**
   * Resolves once everything written before the call is durable in the engine, with the hook's
   * records (consistentIndex) in the same commit.
   */
  flush(): Promise<void>;
  /** A frozen view that holds everything written before the call. */
  view(): Promise<View>;
  /** Bytes for the quota and Status: the engine's, as of the last commit. */
  stat(): { readonly sizeBytes: number; readonly sizeInUseBytes: number };
}
