import { writeSync } from "node:fs";
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import type { Io, Sink } from "./io.js";

/** The process's own standard streams, environment and signals. */
export function processIo(): Io {
  // A reader that went away, as `head` does, ends the command without a word.
  process.stdout.on("error", () => process.exit(0));
  return {
    stdout: sink(process.stdout),
    stderr: sink(process.stderr),
    stdin: process.stdin,
    env: process.env,
    get interrupted() {
      return onInterrupt();
    },
    askSecret,
  };
}

/** From the first call on, the first SIGINT or SIGTERM is the command's to answer. */
function onInterrupt(): AbortSignal {
  const interrupted = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => interrupted.abort(signal));
  }
  return interrupted.signal;
}

function sink(stream: NodeJS.WriteStream): Sink {
  return {
    write: (bytes) => {
      stream.write(bytes);
    },
    get isTerminal() {
      return stream.isTTY === true;
    },
    get columns() {
      return stream.columns ?? 80;
    },
  };
}

async function askSecret(prompt: string): Promise<string> {
  writeSync(2, prompt);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({
    input: process.stdin,
    output: silent,
    terminal: process.stdin.isTTY === true,
  });
  try {
    return await lines.question("");
  } finally {
    lines.close();
    writeSync(2, "\n");
  }
}
