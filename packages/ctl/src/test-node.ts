import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Client } from "@kvorum/client";

const SCRIPT = fileURLToPath(new URL("../../server/bin/kvorum.js", import.meta.url));

/** A node of Kvorum in a process of its own. */
export interface TestNode {
  readonly endpoint: string;
  readonly directory: string;
  stop(): Promise<void>;
}

/**
 * Starts a node on free ports with the memory engine; resolves once it answers.
 * @param scheme with "https" it serves with a certificate of its own making
 */
export async function startTestNode(scheme: "http" | "https" = "http"): Promise<TestNode> {
  const directory = await mkdtemp(join(tmpdir(), "kvorum-ctl-"));
  const [clientPort, peerPort] = [await freePort(), await freePort()];
  const clientUrl = `${scheme}://127.0.0.1:${clientPort}`;
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  const flags = {
    backend: "memory",
    "data-dir": join(directory, "data"),
    "listen-client-urls": clientUrl,
    "advertise-client-urls": clientUrl,
    "listen-peer-urls": peerUrl,
    "initial-advertise-peer-urls": peerUrl,
    "initial-cluster": `default=${peerUrl}`,
    "log-level": "error",
    "bcrypt-cost": "4",
    "auto-tls": String(scheme === "https"),
  };
  const words = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const child = spawn(process.execPath, [SCRIPT, ...words], { stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  child.stdout.on("data", (chunk: Buffer) => {
    log += chunk;
  });
  child.stderr.on("data", (chunk: Buffer) => {
    log += chunk;
  });
  const endpoint = `127.0.0.1:${clientPort}`;
  const stop = async () => {
    await ended(child);
    await rm(directory, { recursive: true, force: true });
  };
  const client = new Client({
    endpoints: [endpoint],
    ...(scheme === "https" ? { tls: { insecureSkipVerify: true } } : {}),
  });
  try {
    await client.kv.get("ready", { timeoutMs: 20_000 });
    return { endpoint, directory, stop };
  } catch (cause) {
    await stop();
    throw new Error(`the node did not start: ${log}`, { cause });
  } finally {
    client.close();
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.kill("SIGKILL");
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** The version line of the etcdctl on PATH; undefined when there is none. */
export async function etcdctlVersion(): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)("etcdctl", ["version"], { env: etcdctlEnv() });
    return stdout.split("\n")[0];
  } catch {
    return undefined;
  }
}

export function etcdctlEnv(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, ETCDCTL_API: "3" };
}
