import type { MessagePort } from "node:worker_threads";
import type { SentError } from "./scan-messages.js";
import { sentError } from "./serve-scans.js";

/** How the check after opening goes on. */
export type VerifyMessage =
  | { readonly kind: "verified"; readonly bucket: string }
  | { readonly kind: "damaged"; readonly error: SentError };

/** A check under way in the thread. */
export interface ServedVerification {
  /** Nothing more is checked until `resume` was called as often. */
  pause(): void;
  resume(): void;
}

/**
 * The thread's side of `Verification`: runs `steps`, which yield the name of a bucket when it is
 * whole, one by one, so that what is asked meanwhile is answered in between.
 */
export function serveVerification(
  port: MessagePort,
  file: string,
  steps: Iterator<string | undefined, void>,
): ServedVerification {
  const send = (message: VerifyMessage): void => port.postMessage(message);
  let pauses = 0;
  let isHeld = false;
  const step = (): void => {
    isHeld = pauses > 0;
    if (isHeld) return;
    try {
      const next = steps.next();
      if (next.done) return;
      if (next.value !== undefined) send({ kind: "verified", bucket: next.value });
      setImmediate(step);
    } catch (error) {
      send({ kind: "damaged", error: sentError(error, file) });
    }
  };
  setImmediate(step);
  return {
    pause: () => {
      pauses++;
    },
    resume: () => {
      if (--pauses > 0 || !isHeld) return;
      isHeld = false;
      setImmediate(step);
    },
  };
}
