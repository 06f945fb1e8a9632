import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { credentials } from "@grpc/grpc-js";
import { afterAll } from "vitest";
import { Rpc } from "./rpc.js";

/** Servers as real processes on free loopback ports, ended by their own handle. */

const KVORUM = fileURLToPath(new URL("../../packages/server/bin/kvorum.js", import.meta.url));

export interface ServerProcess {
  readonly endpoint: string;
  readonly dataDir: string;
  readonly process: ChildProcess;
  /** What it wrote to stderr. */
  readonly log: () => string;
  /** Resolves to the exit code, or null when a signal ended it. */
  readonly exited: Promise<number | null>;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== "object" || address === null) throw new Error("no port was bound");
  return address.port;
}

const scratch: string[] = [];
// Registered first, so it runs last: what works in the directories has ended by then. The process
// of a test file is ended by a signal, so its own end would be too late.
afterAll(() => {
  for (const directory of scratch.splice(0)) rmSync(directory, { recursive: true, force: true });
});

/** A directory that goes when the test file is done. */
export function scratchDirectory(name: string): string {
  const directory = mkdtempSync(join(tmpdir(), `kvorum-${name}-`));
  scratch.push(directory);
  return directory;
}

/** A server that was started and may not serve yet, or never will. */
export interface LaunchedServer extends ServerProcess {
  /** Resolves once it serves. @throws Error with its log when it ends first */
  serving(): Promise<void>;
}

export interface StartOptions {
  readonly dataDir?: string;
  readonly port?: number;
  readonly args?: readonly string[];
}

/** A Kvorum node on `engine`, serving. */
export async function startKvorum(
  engine: string,
  options: StartOptions = {},
): Promise<ServerProcess> {
  const node = await launchKvorum(engine, options);
  await node.serving();
  return node;
}

/** A Kvorum node on `engine` that may still be starting. */
export async function launchKvorum(
  engine: string,
  options: StartOptions = {},
): Promise<LaunchedServer> {
  const args = ["--backend", engine, "--log-level", "warn"];
  return launchServer(KVORUM, { ...options, args: [...args, ...(options.args ?? [])] });
}

/** The path of a real etcd: KVORUM_TEST_ETCD, or `etcd` on PATH; undefined when there is none. */
export function findEtcd(): string | undefined {
  return process.env.KVORUM_TEST_ETCD ?? findOnPath("etcd");
}

/**
 * The tool that restores a snapshot for this etcd: the `etcdutl` of its own release, which stands
 * beside it, or else one on PATH; releases before 3.5 have `etcdctl` for it.
 */
export function findRestorer(etcd: string): string {
  const own = join(dirname(etcd), "etcdutl");
  return existsSync(own) ? own : (findOnPath("etcdutl") ?? "etcdctl");
}

export function findOnPath(name: string): string | undefined {
  try {
    return execFileSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).trim();
  } catch {
    return undefined;
  }
}

/** A real etcd, serving. */
export async function startEtcd(path: string, options: StartOptions = {}): Promise<ServerProcess> {
  const server = await launchServer(path, options);
  await server.serving();
  return server;
}

async function launchServer(path: string, options: StartOptions): Promise<LaunchedServer> {
  const port = options.port ?? (await freePort());
  const peer = `http://127.0.0.1:${await freePort()}`;
  const dataDir = options.dataDir ?? join(scratchDirectory("node"), "data");
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(
    path,
    [
      ...["--data-dir", dataDir, "--listen-client-urls", url, "--advertise-client-urls", url],
      ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer],
      ...["--initial-cluster", `default=${peer}`],
      ...(options.args ?? []),
    ],
    { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, ETCDCTL_API: "3" } },
  );
  let log = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    log = (log + text).slice(-100_000);
  });
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const endpoint = `127.0.0.1:${port}`;
  return {
    serving: () => ready(endpoint, exited, () => log),
    endpoint,
    dataDir,
    process: child,
    log: () => log,
    exited,
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      await exited;
    },
  };
}

const READY_WITHIN_MS = 30_000;

/** Resolves once a linearizable read is answered; a server that ends first is an error. */
async function ready(
  endpoint: string,
  exited: Promise<number | null>,
  log: () => string,
): Promise<void> {
  const rpc = new Rpc(endpoint, credentials.createInsecure());
  try {
    const ended = exited.then((code) => {
      throw new Error(`the server ended with ${code} before it served:\n${log()}`);
    });
    await Promise.race([rpc.untilServing(READY_WITHIN_MS), ended]);
  } finally {
    rpc.close();
  }
}
