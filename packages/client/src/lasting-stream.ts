import type { ClientDuplexStream } from "@grpc/grpc-js";
import type { Timer } from "@kvorum/base";
import { asClientError, ClientError } from "./client-error.js";
import { limits } from "./limits.js";
import type { Method } from "./method.js";
import type { Transport } from "./transport.js";

export interface LastingStreamUser<Response> {
  /** A stream is open and nothing was said on it yet: everything wanted must be asked for again. */
  opened(): void;
  received(response: Response): void;
  /**
   * The stream is gone. `isFinal` tells that another one would fail for the same reason. It is
   * opened again after a wait unless the user says with `false` that nothing is wanted of it.
   */
  broken(error: ClientError, isFinal: boolean): boolean;
}

/**
 * A bidirectional stream that is opened again at the next endpoint when it breaks, after a wait that
 * doubles with each failure in a row. It is open only while somebody wants it, so that an idle
 * client does not keep its process alive.
 */
export class LastingStream<Request, Response> {
  readonly #transport: Transport;
  readonly #method: Method<Request, Response>;
  readonly #user: LastingStreamUser<Response>;
  #stream: ClientDuplexStream<Request, Response> | undefined;
  #isOpening = false;
  #reopenTimer: Timer | undefined;
  #failures = 0;

  constructor(
    transport: Transport,
    method: Method<Request, Response>,
    user: LastingStreamUser<Response>,
  ) {
    this.#transport = transport;
    this.#method = method;
    this.#user = user;
  }

  get isOpen(): boolean {
    return this.#stream !== undefined;
  }

  /** Opens the stream unless it is open, being opened, or waiting to be opened again. */
  async open(): Promise<void> {
    const isUnderWay = this.isOpen || this.#isOpening || this.#reopenTimer !== undefined;
    if (isUnderWay || this.#transport.isClosed) return;
    this.#isOpening = true;
    try {
      this.#adopt(await this.#transport.bidiStream(this.#method));
    } catch (error) {
      this.#broken(asClientError(error));
    } finally {
      this.#isOpening = false;
    }
  }

  /** Nothing is sent on a stream that is not open: `opened` is the time to ask again. */
  write(request: Request): void {
    this.#stream?.write(request);
  }

  /** Ends the stream, or the wait for the next one. */
  end(): void {
    this.#reopenTimer?.clear();
    this.#reopenTimer = undefined;
    const stream = this.#stream;
    this.#stream = undefined;
    // Its outcome is known; a late event must not be an unhandled one.
    stream?.on("error", () => undefined);
    stream?.cancel();
  }

  #adopt(stream: ClientDuplexStream<Request, Response>): void {
    this.#stream = stream;
    stream.on("data", (response: Response) => {
      if (stream !== this.#stream) return;
      this.#failures = 0;
      this.#user.received(response);
    });
    stream.once("error", (error: unknown) => {
      if (stream === this.#stream) this.#broken(asClientError(error));
    });
    stream.once("end", () => {
      const text = "the server has ended the stream";
      if (stream === this.#stream) this.#broken(new ClientError("UNAVAILABLE", text));
    });
    this.#user.opened();
  }

  #broken(error: ClientError): void {
    this.end();
    const isPassing = error.code === "UNAVAILABLE" || error.code === "INTERNAL";
    const isFinal = !isPassing && !this.#transport.forgetTokenOf(error);
    if (!this.#user.broken(error, isFinal) || this.#transport.isClosed) return;
    const waitMs = Math.min(limits.reopenWaitMs * 2 ** this.#failures, limits.reopenWaitMsMax);
    this.#failures = Math.min(this.#failures + 1, 16);
    this.#reopenTimer = this.#transport.clock.after(waitMs, () => {
      this.#reopenTimer = undefined;
      void this.open();
    });
  }
}
