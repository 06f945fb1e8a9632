import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ask } from "./ask.js";

/** A cluster of one real member, in a process of its own, until `stop`. */
export class RealEtcd {
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly #process: ChildProcess;
  readonly #directory: string;

  private constructor(
    path: string,
    urls: { readonly client: string; readonly peer: string },
    extra: Readonly<Record<string, string>>,
  ) {
    this.clientUrl = urls.client;
    this.peerUrl = urls.peer;
    this.#directory = mkdtempSync(join(tmpdir(), "kvorum-peer-etcd-"));
    const flags = {
      name: "real",
      "data-dir": join(this.#directory, "data"),
      "listen-client-urls": urls.client,
      "advertise-client-urls": urls.client,
      "listen-peer-urls": urls.peer,
      "initial-advertise-peer-urls": urls.peer,
      "initial-cluster": `real=${urls.peer}`,
      "log-level": "error",
      ...extra,
    };
    const argv = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
    this.#process = spawn(path, argv, { stdio: "ignore" });
  }

  /** @param extra flags without their dashes */
  static async start(
    path: string,
    extra: Readonly<Record<string, string>> = {},
  ): Promise<RealEtcd> {
    const [client, peer] = await Promise.all([freeUrl(), freeUrl()]);
    const etcd = new RealEtcd(path, { client: client!, peer: peer! }, extra);
    for (let attempt = 0; ; attempt++) {
      const health = await ask(`${etcd.clientUrl}/health`, {}).catch(() => undefined);
      if (health?.status === 200) return etcd;
      if (attempt > 200) throw new Error("etcd did not start");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Calls the API through its JSON gateway. */
  async call(path: string, body: object): Promise<Record<string, unknown>> {
    const answer = await ask(`${this.clientUrl}/v3/${path}`, {
      method: "POST",
      body: JSON.stringify(body),
    });
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.body}`);
    return JSON.parse(answer.body) as Record<string, unknown>;
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill("SIGKILL");
    await ended;
    rmSync(this.#directory, { recursive: true });
  }
}

/** Of a port that was free a moment ago. */
export function freeUrl(): Promise<string> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const bound = server.address();
      const port = typeof bound === "object" ? bound?.port : 0;
      server.close(() => resolve(`http://127.0.0.1:${port}`));
    });
  });
}
