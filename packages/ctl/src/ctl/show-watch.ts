import { mvccpb } from "@kvorum/api";
import { goQuote } from "@kvorum/base";
import { ClientError, type WatchEvent, type Watcher, type WatchResponse } from "@kvorum/client";
import { CtlError, errorText } from "../cli/ctl-error.js";
import type { CtlContext } from "./context.js";
import { runCommand } from "./run-command.js";

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
      for (const event of response.events) await runAtEvent(context, { command, response, event });
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

/** @throws CtlError when the command fails, after the reason was printed */
async function runAtEvent(context: CtlContext, { command, response, event }: Run): Promise<void> {
  const fault = await runCommand(context, command, {
    ETCD_WATCH_REVISION: String(response.header.revision),
    ETCD_WATCH_EVENT_TYPE: goQuote(mvccpb.Event_EventType[event.type]!),
    ETCD_WATCH_KEY: goQuote(event.kv?.key ?? ""),
    ETCD_WATCH_VALUE: goQuote(event.kv?.value ?? ""),
  });
  if (fault === undefined) return;
  const words = command.map((word) => goQuote(word)).join(" ");
  context.io.stderr.write(`command [${words}] error (${fault.text})\n`);
  throw new CtlError("error", "");
}
