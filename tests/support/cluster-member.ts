import { type ChildProcess, spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type ChannelCredentials, credentials } from "@grpc/grpc-js";
import { Rpc } from "./rpc.js";

const KVORUM = fileURLToPath(new URL("../../packages/server/bin/kvorum.js", import.meta.url));
const LOG_CHARACTERS_MAX = 400_000;

/** What runs a member: a Kvorum node on an engine, or a real etcd. */
export type Program =
  | { readonly kind: "kvorum"; readonly engine: string }
  | { readonly kind: "etcd"; readonly path: string };

export interface MemberSpec {
  readonly name: string;
  readonly program: Program;
  readonly dataDir: string;
  readonly clientPort: number;
  readonly peerPort: number;
  /** What the others dial: the peer port, or that of a proxy before it. */
  readonly advertisedPeerPort: number;
  readonly scheme: "http" | "https";
  /** For the test's own calls. */
  readonly channel?: ChannelCredentials;
  /** Flags beside those that follow from the above. */
  readonly args: readonly string[];
}

export interface Bootstrap {
  readonly initialCluster: string;
  readonly state: "new" | "existing";
  readonly token: string;
}

/** A member of a test's cluster, which may be ended, started again, and have its disk wiped. */
export class ClusterMember {
  readonly spec: MemberSpec;
  /** Calls it; survives its restarts. */
  readonly rpc: Rpc;
  #child: ChildProcess | undefined;
  #exited: Promise<number | null> = Promise.resolve(null);
  #log = "";
  #bootstrap: Bootstrap | undefined;

  constructor(spec: MemberSpec) {
    this.spec = spec;
    this.rpc = new Rpc(this.endpoint, spec.channel ?? credentials.createInsecure());
  }

  get name(): string {
    return this.spec.name;
  }

  get endpoint(): string {
    return `127.0.0.1:${this.spec.clientPort}`;
  }

  get peerUrl(): string {
    return `${this.spec.scheme}://127.0.0.1:${this.spec.advertisedPeerPort}`;
  }

  get clientUrl(): string {
    return `${this.spec.scheme}://${this.endpoint}`;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** What it wrote to stderr since its last start. */
  get log(): string {
    return this.#log;
  }

  /** Resolves to the exit code of the last start, or null when a signal ended it. */
  get exited(): Promise<number | null> {
    return this.#exited;
  }

  /** Starts the process; `bootstrap` is kept for later starts. */
  launch(bootstrap?: Bootstrap): void {
    this.#bootstrap = bootstrap ?? this.#bootstrap;
    if (this.#child !== undefined) throw new Error(`${this.name} runs already`);
    this.#log = "";
    const { program } = this.spec;
    const child = spawn(program.kind === "kvorum" ? KVORUM : program.path, this.#args(), {
      stdio: ["ignore", "ignore", "pipe"],
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#log = (this.#log + text).slice(-LOG_CHARACTERS_MAX);
    });
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      child.once("error", (error) => {
        this.#log += String(error);
        resolve(1);
      });
      child.once("exit", (code) => {
        if (this.#child === child) this.#child = undefined;
        resolve(code);
      });
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Ends it and waits; nothing happens when it doesn't run. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const exited = this.#exited;
    if (this.#child === undefined) return;
    // One that was stopped by SIGSTOP would not see the signal.
    this.#child.kill("SIGCONT");
    this.#child.kill(signal);
    await exited;
  }

  wipe(): void {
    rmSync(this.spec.dataDir, { recursive: true, force: true });
  }

  /** Resolves once a linearizable read is answered. @throws Error with its log */
  async serving(withinMs = 120_000): Promise<void> {
    const ended = this.#exited.then((code) => {
      throw new Error(`it ended with ${code} before it served`);
    });
    try {
      await Promise.race([this.rpc.untilServing(withinMs), ended]);
    } catch (error) {
      throw new Error(
        `${this.name} does not serve; its log ends with\n${this.#log.slice(-6_000)}`,
        {
          cause: error,
        },
      );
    }
  }

  #args(): string[] {
    const { spec } = this;
    const listenPeer = `${spec.scheme}://127.0.0.1:${spec.peerPort}`;
    const bootstrap = this.#bootstrap;
    return [
      ...(spec.program.kind === "kvorum" ? ["--backend", spec.program.engine] : []),
      ...["--name", spec.name, "--data-dir", spec.dataDir, "--log-level", "info"],
      ...["--listen-client-urls", this.clientUrl, "--advertise-client-urls", this.clientUrl],
      ...["--listen-peer-urls", listenPeer, "--initial-advertise-peer-urls", this.peerUrl],
      ...(bootstrap === undefined
        ? []
        : [
            ...["--initial-cluster", bootstrap.initialCluster],
            ...["--initial-cluster-token", bootstrap.token],
            ...["--initial-cluster-state", bootstrap.state],
          ]),
      ...spec.args,
    ];
  }
}
