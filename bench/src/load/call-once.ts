import { BenchError } from "../bench-error.js";
import type { Call } from "../wire/call.js";
import { GrpcStatus } from "../wire/call.js";
import type { ClientConnection } from "../wire/connection.js";

/** One unary call outside the measured path. @throws BenchError "CHECK" on any status but OK */
export function callOnce(
  connection: ClientConnection,
  path: string,
  request: Buffer,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let reply: Buffer | undefined;
    const call: Call = {
      path,
      keepsOpen: false,
      streamId: 0,
      requestBytesMax: request.length,
      write: (into, at) => at + request.copy(into, at),
      onMessage(bytes, start, end) {
        reply = Buffer.from(bytes.subarray(start, end));
      },
      onEnd(status, message) {
        if (status === GrpcStatus.OK && reply !== undefined) resolve(reply);
        else reject(new BenchError("CHECK", `${path} ended with status ${status}: ${message}`));
      },
    };
    connection.start(call);
    connection.flush();
  });
}
