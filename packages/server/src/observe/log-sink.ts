/** Takes whole lines, each with its newline. Must not throw: a full disk must not stop the node. */
export interface LogSink {
  write(line: string): void;
  close(): void;
}
