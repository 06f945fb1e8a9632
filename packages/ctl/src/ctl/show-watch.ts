import { spawn } from "node:child_process";
import { mvccpb } from "@kvorum/api";
import { ClientError, type WatchEvent, type Watcher, type WatchResponse } from "@kvorum/client";
import { CtlError, errorText } from "../cli/ctl-error.js";
import { goQuote } from "../output/go-text.js";
import type { CtlContext } from "./context.js";

/**
 * Shows a watch until it ends, and runs `command` at each event.
 * @throws CtlError when the command fails
 */
export async function showWatch(
  context: CtlContext,
  watcher: Watcher,
  command: readonly string[],
): Promise<void> {
  try {
    for await (const response of watcher) {
      if (response.events.length === 0 && response.header.revision > 0) {
        context.io.stdout.write(`progress notify: ${response.header.revision}\n`);
      }
      context.display.show("watch", response);
      if (command.length === 0) continue;
      for (const event of response.events) await runCommand(context, { command, response, event });
    }
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    // The command is over; what else was watched ends with it without a word.
    if (error.code === "CLOSED") return;
    context.io.stderr.write(`watch was canceled (${errorText(error)})\n`);
    if (error.watchResponse !== undefined) context.display.show("watch", error.watchResponse);
  }
}

interface Run {
  readonly command: readonly string[];
  readonly response: WatchResponse;
  readonly event: WatchEvent;
}

/** Runs one command to its end, its output being this tool's. */
async function runCommand({ io }: CtlContext, { command, response, event }: Run): Promise<void> {
  const [file, ...args] = command;
  const env = {
    ...io.env,
    ETCD_WATCH_REVISION: String(response.header.revision),
    ETCD_WATCH_EVENT_TYPE: goQuote(mvccpb.Event_EventType[event.type]!),
    ETCD_WATCH_KEY: goQuote(event.kv?.key ?? ""),
    ETCD_WATCH_VALUE: goQuote(event.kv?.value ?? ""),
  };
  const fault = await new Promise<string | undefined>((resolve) => {
    const child = spawn(file!, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.on("data", (chunk: Buffer) => io.stdout.write(chunk));
    child.stderr.on("data", (chunk: Buffer) => io.stderr.write(chunk));
    child.once("error", (error) => resolve(startFault(file!, error)));
    child.once("close", (code, signal) => {
      if (signal !== null) resolve(`signal: ${signal}`);
      else resolve(code === 0 ? undefined : `exit status ${code}`);
    });
  });
  if (fault === undefined) return;
  io.stderr.write(`command [${command.map((word) => goQuote(word)).join(" ")}] error (${fault})\n`);
  throw new CtlError("error", "");
}

function startFault(file: string, error: Error): string {
  const isAbsent = "code" in error && error.code === "ENOENT";
  return isAbsent ? `exec: ${goQuote(file)}: executable file not found in $PATH` : error.message;
}
