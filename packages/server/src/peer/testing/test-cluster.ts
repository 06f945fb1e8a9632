import type { Clock } from "@kvorum/base";
import { nodeClock } from "@kvorum/base/node";
import type { LogFields, Logger } from "../../observe/logger.js";
import type { DialTls } from "../../tls/dial-tls.js";
import type { ServerTls } from "../../tls/server-tls.js";
import { PeerListener } from "../peer-listener.js";
import { PeerTransport, type PeerTransportOptions } from "../peer-transport.js";
import { RecordingHost } from "./recording-host.js";

export interface LogLine {
  readonly message: string;
  readonly fields: LogFields | undefined;
}

export interface TestMember {
  readonly id: bigint;
  readonly url: string;
  readonly host: RecordingHost;
  readonly transport: PeerTransport;
  readonly listener: PeerListener;
  readonly log: LogLine[];
}

export interface TestMemberOptions {
  readonly id: bigint;
  readonly clusterId?: bigint;
  /** 0 for any. */
  readonly port?: number;
  readonly serverTls?: ServerTls;
  readonly dialTls?: DialTls;
  readonly metrics?: PeerTransportOptions["metrics"];
  readonly timeouts?: PeerTransportOptions["timeouts"];
  /** Undefined: the machine's. */
  readonly clock?: Clock;
}

export const TEST_CLUSTER_ID = 0xabcden;

/** Members in this process, on real sockets of 127.0.0.1, that know each other when told so. */
export class TestCluster {
  readonly #members: TestMember[] = [];

  async start(options: TestMemberOptions): Promise<TestMember> {
    const { id, clusterId = TEST_CLUSTER_ID, port = 0, serverTls, dialTls, metrics } = options;
    const { clock = nodeClock } = options;
    const address = { host: "127.0.0.1", port };
    const listener = new PeerListener({ address, tls: serverTls });
    await listener.listen();
    const url = `${serverTls === undefined ? "http" : "https"}://${listener.address}`;
    const host = new RecordingHost();
    const log: LogLine[] = [];
    const write = (message: string, fields?: LogFields) => void log.push({ message, fields });
    const logger: Logger = {
      debug: () => {},
      info: write,
      warn: write,
      error: write,
      fatal: write,
    };
    const transport = new PeerTransport({
      memberId: id,
      clusterId,
      ownPeerUrls: [url],
      electionTimeoutMs: 1000,
      clock,
      logger,
      host,
      timeouts: options.timeouts,
      ...(dialTls === undefined ? {} : { dialTls }),
      ...(metrics === undefined ? {} : { metrics }),
    });
    listener.serve(transport.handle);
    const member = { id, url, host, transport, listener, log };
    this.#members.push(member);
    return member;
  }

  /** Makes all members know each other. */
  introduce(members: readonly TestMember[]): void {
    for (const one of members) {
      for (const other of members) {
        if (one !== other) one.transport.addPeer(other.id, [other.url]);
      }
    }
  }

  async stop(): Promise<void> {
    const members = this.#members.splice(0);
    await Promise.all(members.map(({ transport }) => transport.stop()));
    for (const { listener } of members) listener.close();
  }
}

/** All streams of all members stand. */
export function areConnected(members: readonly TestMember[]): boolean {
  return members.every(({ transport }) => {
    const { peers } = transport.stat();
    return peers.length === members.length - 1 && peers.every((peer) => peer.hasAllStreams);
  });
}
