import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Clock } from "@kvorum/base";
import type { Dialer, DialRequest } from "./dialer.js";
import { PeerError } from "./peer-error.js";

export interface HttpCall extends DialRequest {
  readonly body: Uint8Array | undefined;
  /** For the whole call. */
  readonly timeoutMs: number;
  /** A longer answer fails the call. */
  readonly answerBytesMax: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/**
 * One request and its whole answer, whatever its status.
 * @throws PeerError "UNREACHABLE" | "TIMED_OUT" | "TOO_LARGE" | "STOPPED"
 */
export async function callPeer(
  { dialer, clock }: { readonly dialer: Dialer; readonly clock: Clock },
  call: HttpCall,
): Promise<HttpAnswer> {
  const request = openRequest(dialer, call);
  let late: PeerError | undefined;
  const timer = clock.after(call.timeoutMs, () => {
    const limit = `no answer within ${call.timeoutMs} ms`;
    late = new PeerError("TIMED_OUT", `${call.method} ${call.url}${call.path}: ${limit}`);
    request.destroy(late);
  });
  try {
    const answer = answerOf(request);
    request.end(call.body);
    const response = await answer;
    const body = await readBody(response, call.answerBytesMax);
    return { status: response.statusCode ?? 0, headers: response.headers, body };
  } catch (error) {
    // Once the answer has begun, its own error says no more than that it was cut off.
    throw late ?? toPeerError(error, call);
  } finally {
    timer.clear();
    request.destroy();
  }
}

/** Resolves with the head of the answer. The request's later errors are of no interest. */
export function answerOf(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once("response", resolve);
    request.on("error", reject);
    request.once("close", () => reject(new PeerError("UNREACHABLE", "connection closed")));
  });
}

/**
 * The whole body. What is too large stays unread and the connection open, so that it can be answered.
 * @throws PeerError "TOO_LARGE", or the stream's error
 */
export async function readBody(message: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  const all: AsyncIterable<Buffer> = message.iterator({ destroyOnReturn: false });
  for await (const piece of all) {
    bytes += piece.length;
    if (bytes > bytesMax) throw new PeerError("TOO_LARGE", `body exceeds ${bytesMax} bytes limit`);
    pieces.push(piece);
  }
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, bytes);
}

/** A peer's failure as this package's error. */
export function toPeerError(error: unknown, { method, url, path }: DialRequest): PeerError {
  if (error instanceof PeerError) return error;
  const { message, name } = error as Error;
  const text = `${method} ${url}${path}: ${message}`;
  return new PeerError(name === "AbortError" ? "STOPPED" : "UNREACHABLE", text, { cause: error });
}

function openRequest(dialer: Dialer, call: HttpCall): ClientRequest {
  try {
    return dialer.open(call);
  } catch (error) {
    throw toPeerError(error, call);
  }
}
