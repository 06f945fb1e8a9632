import { closeSync, openSync, writeSync } from "node:fs";
import type { Clock } from "@kvorum/base";
import type { LoggingConfig } from "../config/config.js";
import { formatConsole } from "./console-format.js";
import { observeLimits } from "./limits.js";
import type { LogSink } from "./log-sink.js";
import { RotatingFile } from "./rotating-file.js";

const STDOUT = 1;
const STDERR = 2;
const FILE_MODE = 0o600;

/** The sinks that the configuration asks for. @throws when a file can't be opened */
export function openSinks(config: LoggingConfig, clock: Clock): readonly LogSink[] {
  // As in zap: /dev/null silences all other outputs.
  const outputs = config.outputs.includes("/dev/null") ? [] : [...new Set(config.outputs)];
  const sinks = outputs.map((output) => openSink(output, config, clock));
  return config.format === "console" ? sinks.map(toConsole) : sinks;
}

function openSink(output: string, config: LoggingConfig, clock: Clock): LogSink {
  if (output === "stdout") return descriptorSink(STDOUT);
  if (output === "stderr" || output === "default") return descriptorSink(STDERR);
  const path = output.startsWith("file://") ? output.slice("file://".length) : output;
  if (config.rotation) return new RotatingFile({ path, rotation: config.rotation, clock });
  const descriptor = openSync(path, "a", FILE_MODE);
  return { write: descriptorSink(descriptor).write, close: () => closeSync(descriptor) };
}

function descriptorSink(descriptor: number): LogSink {
  return { write: (line) => writeAll(descriptor, line), close: () => {} };
}

/**
 * Writes the whole line, however often a pipe takes only a part of it. A reader that is slow
 * (EAGAIN) gets a little time; when it goes on stalling or went away, or the disk is full, the line
 * is lost, because a node must not stand still for its log.
 */
function writeAll(descriptor: number, line: string): void {
  const bytes = Buffer.from(line, "utf8");
  let waitedMs = 0;
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(descriptor, bytes, done);
    } catch (error) {
      const isStalled = (error as NodeJS.ErrnoException).code === "EAGAIN";
      if (!isStalled || ++waitedMs > observeLimits.stalledReaderWaitMsMax) return;
      Atomics.wait(WAITER, 0, 0, 1);
    }
  }
}

/** Only there to be waited on, a millisecond at a time. */
const WAITER = new Int32Array(new SharedArrayBuffer(4));

function toConsole(sink: LogSink): LogSink {
  return { write: (line) => sink.write(formatConsole(line)), close: () => sink.close() };
}
