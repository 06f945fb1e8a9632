import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";

export class RealEtcd {
  readonly #process: ChildProcess;
  readonly #url: string;
  #output = "";

  private constructor(process: ChildProcess, url: string) {
    this.#process = process;
    this.#url = url;
    for (const stream of [process.stdout, process.stderr]) {
      stream?.on("data", (text) => {
        this.#output = (this.#output + String(text)).slice(-20_000);
      });
    }
  }

  /** Starts a member of its own cluster and waits until it serves. */
  static async start(
    command: string,
    dataDir: string,
    flags: readonly string[] = [],
  ): Promise<RealEtcd> {
    const url = `http://127.0.0.1:${await freePort()}`;
    const peerUrl = `http://127.0.0.1:${await freePort()}`;
    const child = spawn(
      command,
      [
        ...["--name", "s1", "--data-dir", dataDir, "--initial-cluster", `s1=${peerUrl}`],
        ...["--listen-client-urls", url, "--advertise-client-urls", url],
        ...["--listen-peer-urls", peerUrl, "--initial-advertise-peer-urls", peerUrl],
        ...flags,
      ],
      { env: { PATH: process.env.PATH, HOME: process.env.HOME } },
    );
    const etcd = new RealEtcd(child, url);
    for (let attempt = 0; attempt < 200; attempt++) {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`etcd ended:\n${etcd.#output}`);
      const health = await fetch(`${url}/health`).catch(() => undefined);
      if (health?.ok) return etcd;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await etcd.stop();
    throw new Error(`etcd does not serve:\n${etcd.#output}`);
  }

  async put(key: string, value: string): Promise<void> {
    await this.#call("put", { key: base64(key), value: base64(value) });
  }

  /** How many keys there are from "\0" on. */
  async count(): Promise<number> {
    const all = base64("\0");
    const { count } = await this.#call("range", { key: all, range_end: all, count_only: true });
    return Number(count ?? 0);
  }

  async get(key: string): Promise<string | undefined> {
    const { kvs } = (await this.#call("range", { key: base64(key) })) as {
      kvs?: { value?: string }[];
    };
    return kvs === undefined ? undefined : Buffer.from(kvs[0]?.value ?? "", "base64").toString();
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill("SIGTERM");
    await ended;
  }

  async #call(method: string, body: object): Promise<Record<string, unknown>> {
    const response = await fetch(`${this.#url}/v3/kv/${method}`, {
      method: "POST",
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${method}: ${await response.text()}`);
    return (await response.json()) as Record<string, unknown>;
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}
