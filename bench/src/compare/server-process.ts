import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { nodeClock } from "@kvorum/base/node";
import { BenchError } from "../bench-error.js";
import { callOnce } from "../load/call-once.js";
import { ClientConnection } from "../wire/connection.js";
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
  /** @throws BenchError "SERVER" when it had ended by itself */
  stop(): Promise<void>;
  kill(): Promise<void>;
}

/** @throws BenchError "SERVER" when it doesn't serve in time */
export async function startServer(
  target: Target,
  options: { readonly dataDir: string; readonly port?: number },
): Promise<ServerProcess> {
  const { dataDir } = options;
  const port = options.port ?? (await freePort());
  const peer = `http://127.0.0.1:${await freePort()}`;
  const url = `http://127.0.0.1:${port}`;
  const args = [
    ...target.args,
    ...["--data-dir", dataDir, "--listen-client-urls", url, "--advertise-client-urls", url],
    ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer],
    ...["--initial-cluster", `default=${peer}`, "--log-level", "error"],
  ];
  const startMs = nodeClock.nowMs();
  const child = spawn(target.command, args, { stdio: ["ignore", "ignore", "pipe"] });
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
  while (!(await answers(endpoint))) {
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
  return {
    ...{ endpoint, dataDir, readyMs, pid: child.pid ?? 0 },
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

/** Whether a linearizable read of some key is answered: `RangeRequest { key = "k" }`. */
async function answers(endpoint: string): Promise<boolean> {
  let connection: ClientConnection | undefined;
  try {
    connection = await ClientConnection.connect({ endpoint, nowMs: nodeClock.nowMs });
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

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== "object" || address === null) {
    throw new BenchError("SERVER", "no free port could be bound");
  }
  return address.port;
}
