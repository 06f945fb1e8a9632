import { spawn } from "node:child_process";
import { goQuote } from "@kvorum/base";
import type { CtlContext } from "./context.js";

/** How a command failed: for people, and its exit status; -1 when a signal ended it. */
export interface CommandFault {
  readonly text: string;
  readonly exitCode: number;
}

/**
 * Runs a command to its end, without an input, its output being this tool's. Resolves to undefined
 * when it succeeded. The texts are those of Go's exec.Cmd, but for the names of signals.
 * @param variables of the environment, besides this tool's own
 */
export function runCommand(
  { io }: CtlContext,
  command: readonly string[],
  variables: Readonly<Record<string, string>>,
): Promise<CommandFault | undefined> {
  const [file, ...args] = command;
  const env = { ...io.env, ...variables };
  return new Promise((resolve) => {
    const child = spawn(file!, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.on("data", (chunk: Buffer) => io.stdout.write(chunk));
    child.stderr.on("data", (chunk: Buffer) => io.stderr.write(chunk));
    child.once("error", (error) => resolve({ text: startFault(file!, error), exitCode: 1 }));
    child.once("close", (code, signal) => {
      if (signal !== null) resolve({ text: `signal: ${signal}`, exitCode: -1 });
      else if (code === 0) resolve(undefined);
      else resolve({ text: `exit status ${code}`, exitCode: code! });
    });
  });
}

function startFault(file: string, error: Error): string {
  const isAbsent = "code" in error && error.code === "ENOENT";
  return isAbsent ? `exec: ${goQuote(file)}: executable file not found in $PATH` : error.message;
}
