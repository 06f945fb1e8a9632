import { hexId, type MemberId, messageOf } from "@kvorum/base";
import { type Message, MessageType } from "@kvorum/raft";
import type { Logger } from "../observe/logger.js";
import { KeptConnections } from "./dialer.js";
import { callPeer, type HttpAnswer } from "./http-call.js";
import { peerLimits } from "./limits.js";
import { messageToBytes, sizeMessage } from "./message-codec.js";
import { PeerError } from "./peer-error.js";
import { headerOf, type LocalIdentity, requestHeaders } from "./peer-headers.js";
import type { PeerHost } from "./peer-host.js";
import type { PeerRoute } from "./peer-route.js";

export interface PipelineOptions extends PeerRoute {
  readonly host: PeerHost;
}

/** Posts messages one by one, for the time without streams; few at once, few in waiting. */
export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #kept = new KeptConnections();
  #queue: Message[] = [];
  #queueBytes = 0;
  #posts = 0;

  constructor(options: PipelineOptions) {
    this.#options = options;
  }

  /** False when there is no room. Whether it arrived is reported to the host. */
  add(message: Message): boolean {
    if (this.#options.signal.aborted) return false;
    if (this.#posts < peerLimits.pipelinePostsMax) {
      this.#posts++;
      void this.#work(message);
      return true;
    }
    if (this.#replaceHeartbeat(message)) return true;
    if (this.#queue.length >= peerLimits.pipelineQueueMessagesMax) return false;
    if (this.#queueBytes >= peerLimits.pipelineQueueBytesMax) return false;
    this.#queueBytes += sizeMessage(message).bytes;
    this.#queue.push(message);
    return true;
  }

  /** Drops what waits and ends the posts under way. */
  stop(): void {
    this.#queue = [];
    this.#queueBytes = 0;
    this.#kept.close();
  }

  /**
   * A heartbeat says all that an older one which still waits would say. A member that starts takes
   * connections seconds before it serves them; it would then answer every heartbeat of that time,
   * be sent what it lacks for every answer, and its acknowledgement would stand behind all of these.
   */
  #replaceHeartbeat(message: Message): boolean {
    if (message.type !== MessageType.Heartbeat) return false;
    const waiting = this.#queue.findIndex(({ type }) => type === MessageType.Heartbeat);
    if (waiting === -1) return false;
    this.#queueBytes += sizeMessage(message).bytes - sizeMessage(this.#queue[waiting]!).bytes;
    this.#queue[waiting] = message;
    return true;
  }

  async #work(first: Message): Promise<void> {
    let message: Message | undefined = first;
    while (message !== undefined) {
      await this.#send(message);
      message = this.#queue.shift();
      if (message !== undefined) this.#queueBytes -= sizeMessage(message).bytes;
    }
    this.#posts--;
  }

  async #send(message: Message): Promise<void> {
    const { host, peerId, status, cells, signal } = this.#options;
    const isSnapshot = message.type === MessageType.Snap;
    const body = messageToBytes(message);
    const failure = await this.#post(body);
    if (signal.aborted) return;
    if (failure === undefined) {
      status.activate();
      cells.sentBytes.value += body.length;
      if (isSnapshot) host.reportSnapshot(peerId, true);
      return;
    }
    status.deactivate({ source: "pipeline", action: "write", reason: failure.message });
    cells.sendFailures.value++;
    host.reportUnreachable(peerId);
    if (isSnapshot) host.reportSnapshot(peerId, false);
    if (failure.code === "REMOVED") host.onRemoved();
  }

  async #post(body: Uint8Array): Promise<PeerError | undefined> {
    const { dialer, clock, local, peerId, picker, signal, logger } = this.#options;
    const url = picker.pick();
    if (url === undefined) return new PeerError("UNREACHABLE", "the peer has no URL");
    try {
      const answer = await callPeer(
        { dialer, clock },
        {
          url,
          path: "/raft",
          method: "POST",
          headers: { ...requestHeaders(local), "Content-Type": "application/protobuf" },
          signal,
          kept: this.#kept,
          body,
          timeoutMs: peerLimits.pipelineTimeoutMs,
          answerBytesMax: peerLimits.answerBytesMax,
        },
      );
      const refusal = refusalOf(answer, `${url}/raft`);
      if (refusal === undefined) return undefined;
      logRefusal(refusal, { answer, logger, local, peerId });
      picker.markUnreachable(url);
      return refusal;
    } catch (error) {
      picker.markUnreachable(url);
      return error instanceof PeerError ? error : new PeerError("UNREACHABLE", messageOf(error));
    }
  }
}

/** What a peer's answer to a post means; undefined: it took the message. */
export function refusalOf({ status, body }: HttpAnswer, address: string): PeerError | undefined {
  if (status === 204) return undefined;
  if (status === 403) {
    const removed = "the member has been permanently removed from the cluster";
    return new PeerError("REMOVED", removed, { status });
  }
  const text = body.toString("utf8").trimEnd();
  if (status !== 412) {
    const message = `unexpected http status ${status} while posting to ${JSON.stringify(address)}`;
    return new PeerError("REFUSED", message, { status });
  }
  const isKnown = text === "incompatible version" || text === "cluster ID mismatch";
  const message = `unhandled error ${JSON.stringify(text)} when precondition failed`;
  return new PeerError("REFUSED", isKnown ? text : message, { status });
}

/** The lines that say why a whole cluster refuses a member. */
export function logRefusal(
  refusal: PeerError,
  context: {
    readonly answer: HttpAnswer;
    readonly logger: Logger;
    readonly local: LocalIdentity;
    readonly peerId: MemberId;
  },
): void {
  const { answer, logger, local, peerId } = context;
  const fields = { "remote-peer-id": hexId(peerId) };
  if (refusal.message === "incompatible version") {
    logger.error("request sent was ignored by peer", fields);
  } else if (refusal.message === "cluster ID mismatch") {
    logger.error("request sent was ignored due to cluster ID mismatch", {
      ...fields,
      "remote-peer-cluster-id": headerOf(answer.headers, "x-etcd-cluster-id"),
      "local-member-cluster-id": hexId(local.clusterId),
    });
  }
}
