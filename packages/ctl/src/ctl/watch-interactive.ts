import type { Client, Watcher } from "@kvorum/client";
import { badArguments, CtlError } from "../cli/ctl-error.js";
import { splitWords } from "../cli/go-words.js";
import { readLines } from "../cli/io.js";
import { readFlags } from "../cli/read-flags.js";
import { scanArguments } from "../cli/scan-arguments.js";
import type { CtlContext } from "./context.js";
import { showWatch } from "./show-watch.js";
import { splitWatch, startWatch, watchFlags } from "./watch-request.js";

/**
 * Reads "watch …" and "progress" lines from standard input; all watches run side by side.
 * @throws CtlError at the end of the input, or when a watch's command fails
 */
export async function watchInteractively(
  context: CtlContext,
  client: Client,
  fromEnvironment: readonly string[],
): Promise<void> {
  const { stderr, stdin } = context.io;
  let newest: Watcher | undefined;
  const failed = new Promise<never>((_, reject) => {
    const start = (watcher: Watcher, command: readonly string[]) => {
      newest = watcher;
      showWatch(context, watcher, command).catch(reject);
    };
    readCommands(start).catch(reject);
  });
  return await failed;

  async function readCommands(
    start: (watcher: Watcher, command: readonly string[]) => void,
  ): Promise<void> {
    for await (const line of readLines(stdin)) {
      const words = splitWords(line);
      const [word] = words ?? [];
      if (words === undefined || word === undefined) {
        stderr.write(`Invalid command: ${line} (watch and progress supported)\n`);
      } else if (word === "progress") {
        newest?.requestProgress();
      } else if (word !== "watch") {
        stderr.write(`Invalid command ${line} (only support watch)\n`);
      } else if (words.length < 2 && fromEnvironment.length === 0) {
        stderr.write(`Invalid command ${line} (command type or key is not provided)\n`);
      } else {
        const { keys, command, flags } = readWatch(words, fromEnvironment);
        try {
          start(startWatch(client, keys, flags), command);
        } catch (error) {
          if (!(error instanceof CtlError)) throw error;
          stderr.write(`Invalid command ${line} (${error.message})\n`);
        }
      }
    }
    throw new CtlError("invalidInput", "error reading watch request line: EOF");
  }
}

/** @throws CtlError "badArguments" */
function readWatch(words: readonly string[], fromEnvironment: readonly string[]) {
  try {
    const scanned = scanArguments({ name: "watch", globals: watchFlags }, words.slice(1));
    const flags = readFlags(watchFlags, scanned.flags);
    return { ...splitWatch(scanned, fromEnvironment), flags };
  } catch (error) {
    if (error instanceof CtlError) throw badArguments(error.message);
    throw error;
  }
}
