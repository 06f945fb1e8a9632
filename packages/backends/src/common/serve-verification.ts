import type { MessagePort } from "node:worker_threads";
import type { SentError } from "./scan-messages.js";
import { sentError } from "./serve-scans.js";

/** How the check after opening goes on. */
export type VerifyMessage =
  | { readonly kind: "verified"; readonly bucket: string }
  | { readonly kind: "damaged"; readonly error: SentError };

/**
 * The thread's side of `Verification`: runs `steps`, which yield the name of a bucket when it is
 * whole, one by one, so that what is asked meanwhile is answered in between.
 */
export function serveVerification(
  port: MessagePort,
  file: string,
  steps: Iterator<string | undefined, void>,
): void {
  const send = (message: VerifyMessage): void => port.postMessage(message);
  const step = (): void => {
    try {
      const next = steps.next();
      if (next.done) return;
      if (next.value !== undefined) send({ kind: "verified", bucket: next.value });
      setImmediate(step);
    } catch (error) {
      send({ kind: "damaged", error: sentError(error, file) });
    }
  };
  step();
}
