import { type ChildProcess, spawn } from "node:child_process";
import { nodeClock } from "@kvorum/base/node";
import { BenchError } from "../bench-error.js";
import { callOnce } from "../load/call-once.js";
import { ClientConnection } from "../wire/connection.js";
import type { TlsOptions } from "../wire/transport.js";
import { freePorts } from "./free-ports.js";
import type { Identity } from "./identity.js";
import type { Target } from "./target.js";

/** Milliseconds until a started server must have answered; a large store takes its time. */
const READY_WITHIN_MS = 120_000;
/** Milliseconds that a server may take to end after SIGTERM. */
const STOP_WITHIN_MS = 30_000;
const LOG_CHARS_KEPT = 20_000;

/** A server as a process of its own on loopback ports, on one data directory. */
export interface ServerProcess {
  /** "127.0.0.1:port". */
  readonly endpoint: string;
  readonly dataDir: string;
  readonly pid: number;
  /** From the start of the process to its first answer of a linearizable read. */
  readonly readyMs: number;
  /** How it was started, as one line. */
  readonly commandLine: string;
  /** @throws BenchError "SERVER" when it had ended by itself */
  stop(): Promise<void>;
  kill(): Promise<void>;
}

export interface StartOptions {
  readonly dataDir: string;
  /** For clients; a free one unless given. */
  readonly port?: number;
  /** What the server shows to its clients and peers; undefined is plain text. */
  readonly identity?: Identity | undefined;
  /** Behind the arguments that every server gets. */
  readonly moreArgs?: readonly string[];
  /** Its place among several members; a cluster of its own unless given. */
  readonly place?: Place;
}

export interface Place {
  readonly name: string;
  readonly peerPort: number;
  /** Name and peer port of every member. */
  readonly members: readonly { readonly name: string; readonly peerPort: number }[];
}

/**
 * Resolves once it answers, which a member of several does when a leader was elected.
 * @throws BenchError "SERVER" when it doesn't serve in time
 */
export async function startServer(target: Target, options: StartOptions): Promise<ServerProcess> {
  const port = options.port ?? (await freePorts(1))[0]!;
  const args = [...target.args, ...(await serverArgs(port, options)), ...(options.moreArgs ?? [])];
  const startMs = nodeClock.nowMs();
  // A group of its own: a terminal's Ctrl-C reaches the bench alone, which ends its servers. Without
  // a terminal, whoever ends the whole group means them as well.
  const detached = process.stderr.isTTY === true;
  const stdio = ["ignore", "ignore", "pipe"] as const;
  const child = spawn(target.command, args, { stdio: [...stdio], detached });
  const log = keepLog(child);
  const exited = new Promise<void>((resolve) => child.once("close", () => resolve()));
  children.add(child);
  let hasEnded = false;
  void exited.then(() => {
    hasEnded = true;
    children.delete(child);
  });
  const failure = (what: string): BenchError =>
    new BenchError("SERVER", `${target.name} ${what}\n${log()}`.trimEnd());
  const endpoint = `127.0.0.1:${port}`;
  while (!(await answers(endpoint, options.identity?.client))) {
    if (hasEnded) throw failure("ended before it served");
    if (nodeClock.nowMs() - startMs > READY_WITHIN_MS) {
      child.kill("SIGKILL");
      throw failure("does not serve");
    }
    await new Promise<void>((resolve) => nodeClock.after(POLL_MS, resolve));
  }
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (hasEnded) throw failure("ended by itself");
    child.kill(signal);
    const timer = nodeClock.after(STOP_WITHIN_MS, () => child.kill("SIGKILL"));
    await exited;
    timer.clear();
  };
  const readyMs = nodeClock.nowMs() - startMs;
  const commandLine = [target.command, ...args].join(" ");
  return {
    ...{ endpoint, dataDir: options.dataDir, readyMs, pid: child.pid ?? 0, commandLine },
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
  };
}

const POLL_MS = 5;

/** Servers that run; none outlives this process, however it ends. */
const children = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

/** Data directory, addresses, certificates: what every server is told alike. */
async function serverArgs(port: number, options: StartOptions): Promise<string[]> {
  const { dataDir, identity } = options;
  const scheme = identity === undefined ? "http" : "https";
  const url = (number: number): string => `${scheme}://127.0.0.1:${number}`;
  const alone = async (): Promise<Place> => {
    const [peerPort] = await freePorts(1);
    const self = { name: "default", peerPort: peerPort! };
    return { ...self, members: [self] };
  };
  const { name, peerPort, members } = options.place ?? (await alone());
  const cluster = members.map((member) => `${member.name}=${url(member.peerPort)}`).join(",");
  return [
    ...["--name", name, "--data-dir", dataDir],
    ...["--listen-client-urls", url(port), "--advertise-client-urls", url(port)],
    ...["--listen-peer-urls", url(peerPort), "--initial-advertise-peer-urls", url(peerPort)],
    ...["--initial-cluster", cluster, "--log-level", "error"],
    ...(identity?.serverArgs ?? []),
  ];
}

/** Whether a linearizable read of some key is answered: `RangeRequest { key = "k" }`. */
async function answers(endpoint: string, tls: TlsOptions | undefined): Promise<boolean> {
  let connection: ClientConnection | undefined;
  try {
    connection = await ClientConnection.connect({ endpoint, tls, nowMs: nodeClock.nowMs });
    await callOnce(connection, "/etcdserverpb.KV/Range", Buffer.from([0x0a, 1, 0x6b]));
    return true;
  } catch (error) {
    if (error instanceof BenchError) return false;
    throw error;
  } finally {
    connection?.close();
  }
}

/** The last of what a process wrote to stderr. */
function keepLog(child: ChildProcess): () => string {
  let log = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    log = (log + text).slice(-LOG_CHARS_KEPT);
  });
  child.once("error", (error) => {
    log += error.message;
  });
  return () => log;
}
