import type { Io, Sink } from "./cli/io.js";
import { runTool, type Tool } from "./cli/program.js";

export interface MemorySink extends Sink {
  /** All that was written so far. */
  bytes(): Buffer;
}

/** A sink that keeps what was written. */
export function memorySink(isTerminal = false): MemorySink {
  const chunks: Buffer[] = [];
  return {
    write: (bytes) => {
      chunks.push(Buffer.from(bytes as string));
    },
    isTerminal,
    columns: 80,
    bytes: () => Buffer.concat(chunks),
  };
}

export interface RunOptions {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly isTerminal?: boolean;
  readonly interrupted?: AbortSignal;
  /** For a test that reads what is written while the command runs. */
  readonly stdout?: MemorySink;
}

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** Standard output to the byte. */
  readonly bytes: Buffer;
}

/** Runs a tool inside this process. */
export async function run<Context>(
  tool: Tool<Context>,
  words: readonly string[],
  options: RunOptions = {},
): Promise<Ran> {
  const stdout = options.stdout ?? memorySink(options.isTerminal);
  const stderr = memorySink();
  const io: Io = {
    stdout,
    stderr,
    stdin: (async function* () {
      yield Buffer.from(options.stdin ?? "");
    })(),
    env: options.env ?? {},
    askSecret: async () => "",
    interrupted: options.interrupted ?? new AbortController().signal,
  };
  const code = await runTool(tool, words, io);
  const bytes = stdout.bytes();
  return { code, out: bytes.toString(), err: stderr.bytes().toString(), bytes };
}
