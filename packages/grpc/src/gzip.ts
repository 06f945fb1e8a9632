import { gunzipSync } from "node:zlib";
import { messageOf } from "@kvorum/base";

/** How an inflation ended. */
export type Inflated =
  | { readonly kind: "ok"; readonly message: Buffer }
  | { readonly kind: "too-large" }
  | { readonly kind: "corrupt"; readonly reason: string };

/**
 * Inflates one gzip'd message, never beyond `bytesMax`. It blocks, which is why the bound matters:
 * one message at the default bound takes a few milliseconds at worst.
 */
export function inflateMessage(message: Buffer, bytesMax: number): Inflated {
  try {
    return { kind: "ok", message: gunzipSync(message, { maxOutputLength: Math.max(1, bytesMax) }) };
  } catch (error) {
    if (error instanceof RangeError) return { kind: "too-large" };
    return { kind: "corrupt", reason: messageOf(error) };
  }
}
