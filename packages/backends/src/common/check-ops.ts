import { assert } from "@kvorum/base";
import { KEY_BYTES_MAX } from "../limits.js";
import { COMMIT_OPS_MAX, type Op } from "../port.js";

/** The limits of the port. A caller that breaks them is wrong, hence no BackendError. */
export function checkOps(ops: readonly Op[]): void {
  assert(ops.length <= COMMIT_OPS_MAX, `a commit has ${ops.length} operations`);
  for (const { key } of ops) {
    if (key.length === 0 || key.length > KEY_BYTES_MAX) {
      assert(false, `a key has ${key.length} bytes; 1 to ${KEY_BYTES_MAX} are allowed`);
    }
  }
}
