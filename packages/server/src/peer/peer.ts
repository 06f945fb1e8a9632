import { setMaxListeners } from "node:events";
import type { ServerResponse } from "node:http";
import { type Clock, hexId, type MemberId } from "@kvorum/base";
import { type Message, MessageType } from "@kvorum/raft";
import type { Logger } from "../observe/logger.js";
import type { Dialer } from "./dialer.js";
import type { EntriesEncoder } from "./entries-encoder.js";
import { peerLimits } from "./limits.js";
import type { LocalIdentity } from "./peer-headers.js";
import type { PeerHost } from "./peer-host.js";
import type { PeerCells } from "./peer-metrics.js";
import { PeerStatus } from "./peer-status.js";
import { Pipeline } from "./pipeline.js";
import { Prober } from "./prober.js";
import { nameOf } from "./raft-message.js";
import { type SnapshotDb, sendSnapshot } from "./snapshot-sender.js";
import type { StreamKind } from "./stream-codec.js";
import { StreamReader } from "./stream-reader.js";
import type { StreamTimeouts } from "./stream-timeouts.js";
import { StreamWriter } from "./stream-writer.js";
import { UrlPicker } from "./url-picker.js";

/** What all peers of a transport share. */
export interface PeerContext {
  readonly local: LocalIdentity;
  readonly dialer: Dialer;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly host: PeerHost;
  readonly entries: EntriesEncoder;
  readonly timeouts: StreamTimeouts;
  /** A message came in over a stream. */
  readonly deliver: (message: Message) => void;
}

export interface PeerOptions {
  readonly id: MemberId;
  readonly urls: readonly string[];
  readonly cells: PeerCells;
  readonly context: PeerContext;
}

/**
 * One other member: the streams to it and from it, posts, snapshots and probes. Until `start` it is
 * a "remote", known only from its requests or from the member list of a cluster that is being
 * joined, which is sent to by posts alone.
 */
export class Peer {
  readonly id: MemberId;
  readonly status: PeerStatus;
  readonly #options: PeerOptions;
  readonly #picker: UrlPicker;
  readonly #abort = new AbortController();
  readonly #pipeline: Pipeline;
  readonly #writers: Readonly<Record<StreamKind, StreamWriter>>;
  #readers: readonly StreamReader[] = [];
  #prober: Prober | undefined;

  constructor(options: PeerOptions) {
    const { id, urls, cells, context } = options;
    const { local, clock, logger, host } = context;
    this.id = id;
    this.#options = options;
    this.#picker = new UrlPicker(urls);
    this.status = new PeerStatus({ id, clock, logger, cells });
    const { signal } = this.#abort;
    // Every request under way listens: posts, snapshots, streams and a probe.
    setMaxListeners(peerLimits.pipelinePostsMax + peerLimits.snapshotsInFlightMax + 8, signal);
    const shared = this.#shared();
    this.#pipeline = new Pipeline({ ...shared, signal });
    const onLost = () => host.reportUnreachable(id);
    const writer = (kind: StreamKind) =>
      new StreamWriter({ ...shared, kind, localId: local.memberId, onLost });
    this.#writers = { msgapp: writer("msgapp"), message: writer("message") };
  }

  /**
   * It is a member, which has these URLs: streams both ways and probes from now on. What was posted
   * to it before goes on its way; a leader waits for what a joining member has acknowledged.
   */
  start(urls: readonly string[]): void {
    const { signal } = this.#abort;
    const onRemoved = () => this.#options.context.host.onRemoved();
    if (!this.#picker.has(urls)) this.#picker.update(urls);
    this.#probe(urls);
    this.#readers = (["msgapp", "message"] as const).map(
      (kind) => new StreamReader({ ...this.#shared(), kind, signal, onRemoved }),
    );
    for (const reader of this.#readers) reader.start();
  }

  /** Both streams to the peer and both from it stand. */
  get hasAllStreams(): boolean {
    const { msgapp, message } = this.#writers;
    const isReading = this.#readers.every((reader) => reader.isEstablished);
    return msgapp.isWorking && message.isWorking && isReading;
  }

  /** Bytes written to streams that their sockets have not taken. */
  get bytesPending(): number {
    return this.#writers.msgapp.bytesPending + this.#writers.message.bytesPending;
  }

  /** @returns whether they are other ones than before */
  update(urls: readonly string[]): boolean {
    if (this.#picker.has(urls)) return false;
    this.#picker.update(urls);
    this.#probe(urls);
    return true;
  }

  /** The peer has asked for a stream. */
  attach(kind: StreamKind, response: ServerResponse): void {
    this.#writers[kind].attach(response);
  }

  /** Takes a message; it leaves with the next `flush`. What can't be taken is reported as lost. */
  add(message: Message): void {
    if (this.#admit(message)) return;
    const { cells, context } = this.#options;
    cells.sendFailures.value++;
    const text = "dropped internal Raft message since sending buffer is full";
    context.logger.warn(text, {
      "message-type": nameOf(message),
      "local-member-id": hexId(context.local.memberId),
      from: hexId(message.from),
      "remote-peer-id": hexId(this.id),
      "remote-peer-active": this.status.isActive,
    });
    context.host.reportUnreachable(this.id);
    if (message.type === MessageType.Snap) context.host.reportSnapshot(this.id, false);
  }

  flush(): void {
    this.#writers.msgapp.flush();
    this.#writers.message.flush();
  }

  /** Settles when the snapshot has arrived or failed, which the host was told. */
  sendSnapshot(message: Message, db: SnapshotDb): Promise<void> {
    return sendSnapshot({ ...this.#shared(), signal: this.#abort.signal }, message, db);
  }

  beat(): void {
    this.#writers.msgapp.beat();
    this.#writers.message.beat();
  }

  /** Ends connections that stand still. */
  check(nowMs: number): void {
    this.#writers.msgapp.checkProgress(nowMs);
    this.#writers.message.checkProgress(nowMs);
    for (const reader of this.#readers) reader.checkSilence(nowMs);
  }

  stop(): void {
    this.#prober?.stop();
    for (const reader of this.#readers) reader.stop();
    this.#writers.msgapp.stop();
    this.#writers.message.stop();
    this.#pipeline.stop();
    this.#abort.abort();
    this.status.end();
  }

  #admit(message: Message): boolean {
    const { msgapp, message: general } = this.#writers;
    if (message.type === MessageType.Snap) return this.#pipeline.add(message);
    if (message.type === MessageType.App && msgapp.isWorking) return msgapp.add(message);
    if (general.isWorking) return general.add(message);
    return this.#pipeline.add(message);
  }

  #shared() {
    const { context, cells } = this.#options;
    return { ...context, peerId: this.id, picker: this.#picker, status: this.status, cells };
  }

  #probe(urls: readonly string[]): void {
    this.#prober?.stop();
    const { cells, context } = this.#options;
    const { signal } = this.#abort;
    this.#prober = new Prober({ ...context, peerId: this.id, urls, cells, signal });
  }
}
