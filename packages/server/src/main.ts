import { readFileSync } from "node:fs";
import { messageOf } from "@kvorum/base";
import { nodeClock } from "@kvorum/base/node";
import { boundGarbage } from "./bound-garbage.js";
import type { Config, LoggingConfig } from "./config/config.js";
import { detectDefaultHost } from "./config/default-host.js";
import { hideSecrets } from "./config/hide-secrets.js";
import { defaultLogging } from "./config/log-config.js";
import type { Notice } from "./config/notice.js";
import { type ParseResult, parseConfig } from "./config/parse-config.js";
import { type RunningNode, startNode } from "./host.js";
import { createLogger, type NodeLogger } from "./observe/logger.js";
import { StartError } from "./start-error.js";

/** The `kvorum` executable: the only place that reads the process and ends it. */
async function main(): Promise<void> {
  const parsed = parseConfig({
    argv: process.argv.slice(2),
    env: process.env,
    readFile: (path) => readFileSync(path, "utf8"),
    defaultHost: detectDefaultHost(),
    runtime: {
      nodeVersion: process.version,
      platform: process.platform,
      architecture: process.arch,
    },
  });
  if (parsed.kind === "run") await run(parsed);
  else answer(parsed);
}

function answer(parsed: Exclude<ParseResult, { kind: "run" }>): void {
  switch (parsed.kind) {
    case "help":
      process.stderr.write(parsed.usage);
      process.stdout.write(parsed.text);
      break;
    case "version":
      process.stdout.write(parsed.text);
      break;
    case "error": {
      const logger = openLog(parsed.logging);
      writeNotices(logger, parsed.notices);
      process.stderr.write(parsed.lines.map((line) => `${line}\n`).join(""));
      process.exitCode = parsed.exitCode;
      break;
    }
  }
}

async function run({ config, notices }: Extract<ParseResult, { kind: "run" }>): Promise<void> {
  const logger = openLog(config.logging);
  writeNotices(logger, notices);
  // What nobody may catch: the state can't be trusted, so the process ends with what is durable.
  const end = (error: unknown) => {
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    logger.fatal("the node can't go on", { error: detail });
    process.exit(1);
  };
  process.on("uncaughtException", end);
  process.on("unhandledRejection", end);
  let node: RunningNode | undefined;
  // From here on: a member may wait for the others a long time before it serves.
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => stop(node, logger, signal).catch(end));
  }
  try {
    const commandLine = [process.argv0, ...hideSecrets(process.argv.slice(1))];
    const onRemoved = () => {
      if (node === undefined) {
        // Told before it served: there is nothing to end gracefully.
        logger.error("the member has been permanently removed from the cluster");
        process.exit(0);
      }
      node
        .stop()
        .then(() => process.exit(0))
        .catch(end);
    };
    node = await startNode({ config, logger, commandLine, onFault: end, onRemoved });
  } catch (error) {
    const line = error instanceof StartError ? error.line : "discovery failed";
    logger.fatal(line, { error: messageOf(error) });
    process.exit(1);
  }
  boundGarbage(nodeClock);
  if (process.stdout.isTTY || process.env.KVORUM_BANNER === "1") {
    process.stdout.write(banner(config, node));
  }
}

/** The configured log; when that can't be opened, the default one says so and the process ends. */
function openLog(config: LoggingConfig): NodeLogger {
  try {
    return createLogger({ config, clock: nodeClock });
  } catch (error) {
    const logger = createLogger({ config: defaultLogging, clock: nodeClock });
    logger.fatal("failed to open the log", { error: `--log-outputs: ${messageOf(error)}` });
    process.exit(1);
  }
}

function writeNotices(logger: NodeLogger, notices: readonly Notice[]): void {
  for (const notice of notices) logger[notice.level](notice.message, notice.fields);
}

/** As Go prints them, and so etcd's log. */
const GO_NAMES = { SIGINT: "interrupt", SIGTERM: "terminated" } as const;
type StopSignal = keyof typeof GO_NAMES;

/**
 * Stops gracefully, then dies of the signal as etcd does; a second signal ends at once. A node that
 * does not serve yet has promised nothing to anybody, and what it wrote is good at every moment.
 */
async function stop(
  node: RunningNode | undefined,
  logger: NodeLogger,
  signal: StopSignal,
): Promise<void> {
  logger.info("received signal; shutting down", { signal: GO_NAMES[signal] });
  await node?.stop();
  logger.close();
  // The kernel shields process 1 from signals that it doesn't handle.
  if (process.pid === 1) process.exit(0);
  process.kill(process.pid, signal);
}

function banner(config: Config, node: RunningNode): string {
  const address = node.addresses[0] ?? "";
  return [
    "",
    `  Kvorum serves etcd's v3 API on ${node.addresses.join(", ")}`,
    `  engine     ${config.backend.engine}`,
    `  data       ${config.member.dataDir}`,
    `  try        npx kvorumctl --endpoints ${address} put hello world`,
    "",
    "",
  ].join("\n");
}

// Not awaited: bin/kvorum.js loads this module by `require`, which takes none that waits.
void main();
