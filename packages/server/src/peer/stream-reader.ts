import type { ClientRequest, IncomingMessage } from "node:http";
import { hexId, type MemberId, messageOf, type Timer } from "@kvorum/base";
import type { Message } from "@kvorum/raft";
import { createStreamDecoder } from "./create-stream-codec.js";
import { readBody } from "./http-call.js";
import { peerLimits } from "./limits.js";
import { PeerError } from "./peer-error.js";
import { hasKnownStreams, headerOf, type LocalIdentity, requestHeaders } from "./peer-headers.js";
import type { PeerRoute } from "./peer-route.js";
import { STREAM_NAMES, type StreamKind } from "./stream-codec.js";
import type { StreamTimeouts } from "./stream-timeouts.js";

export interface StreamReaderOptions extends PeerRoute {
  readonly kind: StreamKind;
  readonly timeouts: StreamTimeouts;
  readonly deliver: (message: Message) => void;
  readonly onRemoved: () => void;
}

/** One connection, from the dial to its end. */
interface Attempt {
  readonly url: string;
  readonly request: ClientRequest;
  lastByteMs: number;
  isOver: boolean;
  isEstablished: boolean;
}

/**
 * Dials a peer for one of its streams, reads messages from it, and dials again when it ends:
 *
 *   dial --200--> read --end, error, a long silence--+
 *    ^  \--refused, no connection: next URL----------+
 *    +------------- 100 ms after the last dial ------+
 */
export class StreamReader {
  readonly #options: StreamReaderOptions;
  #attempt: Attempt | undefined;
  #redial: Timer | undefined;
  #lastDialMs = Number.NEGATIVE_INFINITY;
  #isStopped = false;

  constructor(options: StreamReaderOptions) {
    this.#options = options;
  }

  get isEstablished(): boolean {
    return this.#attempt?.isEstablished ?? false;
  }

  start(): void {
    this.#options.logger.info("started stream reader with remote peer", this.#fields());
    this.#dial();
  }

  stop(): void {
    this.#isStopped = true;
    this.#redial?.clear();
    const attempt = this.#attempt;
    if (attempt !== undefined) {
      attempt.isOver = true;
      attempt.request.destroy();
    }
    this.#attempt = undefined;
    this.#options.logger.info("stopped stream reader with remote peer", this.#fields());
  }

  /** Ends the connection when nothing came for too long; a living one carries link heartbeats. */
  checkSilence(nowMs: number): void {
    const attempt = this.#attempt;
    if (attempt === undefined) return;
    if (nowMs - attempt.lastByteMs < this.#options.timeouts.readMs) return;
    attempt.request.destroy(new PeerError("TIMED_OUT", "i/o timeout"));
  }

  #dial(): void {
    const { kind, local, peerId, picker, dialer, clock, signal } = this.#options;
    this.#redial = undefined;
    this.#lastDialMs = clock.nowMs();
    const url = picker.pick();
    if (url === undefined) {
      this.#scheduleRedial();
      return;
    }
    const path = `/raft/stream/${kind}/${hexId(local.memberId)}`;
    const headers = requestHeaders(local, peerId);
    let request: ClientRequest;
    try {
      request = dialer.open({ url, path, method: "GET", headers, signal });
    } catch (error) {
      this.#failDial(url, messageOf(error));
      this.#scheduleRedial();
      return;
    }
    const lastByteMs = this.#lastDialMs;
    const attempt = { url, request, lastByteMs, isOver: false, isEstablished: false };
    this.#attempt = attempt;
    request.once("response", (response) => this.#onResponse(attempt, response));
    request.on("error", (error) => this.#finish(attempt, messageOf(error)));
    request.once("close", () => this.#finish(attempt, "connection closed"));
    request.end();
  }

  #onResponse(attempt: Attempt, response: IncomingMessage): void {
    response.on("error", (error) => this.#finish(attempt, messageOf(error)));
    if (attempt.isOver) return;
    if (!hasKnownStreams(headerOf(response.headers, "x-server-version"))) {
      this.#finish(attempt, "unsupported stream type");
    } else if (response.statusCode === 200) {
      this.#read(attempt, response);
    } else {
      void this.#takeRefusal(attempt, response);
    }
  }

  #read(attempt: Attempt, response: IncomingMessage): void {
    const { kind, local, peerId, clock, cells, logger, status, deliver } = this.#options;
    const decoder = createStreamDecoder(kind, { local: local.memberId, remote: peerId });
    attempt.isEstablished = true;
    status.activate();
    logger.info("established TCP streaming connection with remote peer", this.#fields());
    response.once("end", () => this.#finish(attempt, "EOF"));
    response.on("data", (bytes: Buffer) => {
      if (attempt.isOver) return;
      attempt.lastByteMs = clock.nowMs();
      cells.receivedBytes.value += bytes.length;
      const messages: Message[] = [];
      let problem: string | undefined;
      try {
        decoder.push(bytes, messages);
      } catch (error) {
        problem = messageOf(error);
      }
      // Outside of the try: what goes wrong in raft is no fault of the connection.
      for (const message of messages) deliver(message);
      if (problem === undefined) return;
      cells.receiveFailures.value++;
      this.#finish(attempt, problem);
    });
  }

  async #takeRefusal(attempt: Attempt, response: IncomingMessage): Promise<void> {
    const { peerId, local, onRemoved } = this.#options;
    const { statusCode = 0 } = response;
    let body = "";
    try {
      body = (await readBody(response, peerLimits.answerBytesMax)).toString("utf8").trimEnd();
    } catch {
      // The status says enough.
    }
    // Stopped meanwhile: what the peer thinks is of no interest any more.
    if (attempt.isOver && this.#isStopped) return;
    if (statusCode === 412) this.#logPrecondition(body, headerOf(response.headers, CLUSTER_ID));
    this.#finish(attempt, refusalText(statusCode, body, { peerId, local }));
    if (statusCode === 410) onRemoved();
  }

  #logPrecondition(body: string, remoteClusterId: string): void {
    const { logger, local } = this.#options;
    const ignored = "request sent was ignored by remote peer due to";
    if (body === "incompatible version") {
      logger.warn(`${ignored} server version incompatibility`, { ...this.#ids(), error: body });
    } else if (body === "cluster ID mismatch") {
      logger.warn(`${ignored} cluster ID mismatch`, {
        ...this.#ids(),
        "remote-peer-cluster-id": remoteClusterId,
        "local-member-cluster-id": hexId(local.clusterId),
        error: body,
      });
    }
  }

  /** Once for each attempt. */
  #finish(attempt: Attempt, reason: string): void {
    if (attempt.isOver) return;
    attempt.isOver = true;
    attempt.request.destroy();
    this.#attempt = undefined;
    if (this.#isStopped) return;
    if (attempt.isEstablished) this.#lose(reason);
    else this.#failDial(attempt.url, reason);
    this.#scheduleRedial();
  }

  #lose(reason: string): void {
    const { kind, logger, status } = this.#options;
    const message = "lost TCP streaming connection with remote peer";
    logger.warn(message, { ...this.#fields(), error: reason });
    // An orderly end is followed by the next dial, which tells whether the peer is still there.
    if (reason === "EOF") return;
    status.deactivate({ source: STREAM_NAMES[kind], action: "read", reason });
  }

  #failDial(url: string, reason: string): void {
    const { kind, picker, status } = this.#options;
    picker.markUnreachable(url);
    status.deactivate({ source: STREAM_NAMES[kind], action: "dial", reason });
  }

  #scheduleRedial(): void {
    const { clock } = this.#options;
    if (this.#isStopped) return;
    const delayMs = Math.max(0, this.#lastDialMs + peerLimits.redialMs - clock.nowMs());
    this.#redial = clock.after(delayMs, () => this.#dial());
  }

  #fields() {
    return { "stream-reader-type": STREAM_NAMES[this.#options.kind], ...this.#ids() };
  }

  #ids() {
    const { local, peerId } = this.#options;
    return { "local-member-id": hexId(local.memberId), "remote-peer-id": hexId(peerId) };
  }
}

const CLUSTER_ID = "x-etcd-cluster-id";

function refusalText(
  status: number,
  body: string,
  ids: { readonly peerId: MemberId; readonly local: LocalIdentity },
): string {
  switch (status) {
    case 410:
      return "the member has been permanently removed from the cluster";
    case 404:
      return `peer ${hexId(ids.peerId)} failed to find local node ${hexId(ids.local.memberId)}`;
    case 412:
      return body === "incompatible version" || body === "cluster ID mismatch"
        ? body
        : `unhandled error ${JSON.stringify(body)} when precondition failed`;
    default:
      return `unhandled http status ${status}`;
  }
}
