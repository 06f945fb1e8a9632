import { nodeClock } from "@kvorum/base/node";
import { hideSecrets } from "./config/hide-secrets.js";
import { parseConfig } from "./config/parse-config.js";
import { type RunningNode, startNode } from "./host.js";
import { createLogger } from "./observe/logger.js";

export interface EmbedOptions {
  /** Created when absent. */
  readonly dataDir: string;
  /** "lmdb" (the default), "leveldb", "sqlite", "memory", or a module name or path. */
  readonly backend?: string;
  /** Where clients connect. Default: a free port of the loopback interface. */
  readonly listenClientUrl?: string;
  /** Any other flag of the `kvorum` executable, without its dashes. */
  readonly flags?: Readonly<Record<string, string>>;
  /** Takes each log line, a JSON object with a newline. Default: nothing is logged. */
  readonly onLogLine?: (line: string) => void;
  /**
   * The log or the engine failed, or this member was removed from its cluster: it serves no more.
   * Default: the error is thrown where nobody can catch it, which ends the process.
   */
  readonly onFault?: (error: unknown) => void;
}

/** An etcd-compatible server inside this process. */
export interface EmbeddedServer {
  /** "host:port" for clients. */
  readonly endpoints: readonly string[];
  /** Answers what is under way, makes everything durable and closes; idempotent. */
  stop(): Promise<void>;
}

const FREE_PORT = "http://127.0.0.1:0";

/**
 * Starts a member in this process; resolves when it serves. It touches nothing global: several may
 * run side by side, each on its own data directory.
 * @throws StartError naming what failed; Error for a flag that is wrong
 */
export async function startEmbedded(options: EmbedOptions): Promise<EmbeddedServer> {
  const { dataDir, backend = "lmdb", listenClientUrl = FREE_PORT, onLogLine } = options;
  const defaults = {
    "data-dir": dataDir,
    backend,
    "listen-client-urls": listenClientUrl,
    "advertise-client-urls": listenClientUrl,
    "listen-peer-urls": FREE_PORT,
    "initial-advertise-peer-urls": FREE_PORT,
    "initial-cluster": `default=${FREE_PORT}`,
  };
  const argv = Object.entries({ ...defaults, ...options.flags }).map(
    ([name, value]) => `--${name}=${value}`,
  );
  const readFile = () => {
    throw new Error("an embedded server is given its flags, not a configuration file");
  };
  const parsed = parseConfig({ argv, env: {}, readFile });
  if (parsed.kind !== "run") {
    const reasons =
      parsed.kind === "error"
        ? [
            ...parsed.lines,
            ...parsed.notices.map(
              ({ message, fields }) => `${message}: ${JSON.stringify(fields ?? {})}`,
            ),
          ]
        : [`--${parsed.kind} means nothing here`];
    throw new Error(`the server's flags are wrong: ${reasons.join("; ")}`);
  }
  const logger = createLogger({
    config: parsed.config.logging,
    clock: nodeClock,
    sink: { write: (line) => onLogLine?.(line), close: () => {} },
  });
  const onFault =
    options.onFault ??
    ((error: unknown) => {
      nodeClock.soon(() => {
        throw error;
      });
    });
  const node: RunningNode = await startNode({
    config: parsed.config,
    logger,
    onFault,
    commandLine: ["kvorum (embedded)", ...hideSecrets(argv)],
    onRemoved: () => onFault(new Error("this member was removed from its cluster")),
  });
  return { endpoints: node.addresses, stop: () => node.stop() };
}
