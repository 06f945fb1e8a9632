/** Where bytes go; a write may wait until the reader has caught up. */
export interface Sink {
  write(bytes: string | Uint8Array): void;
  readonly isTerminal: boolean;
  readonly columns: number;
}

/** All that a command sees of the process, so that tests can run it inside their own. */
export interface Io {
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Prints `prompt` and reads a line without showing it. */
  askSecret(prompt: string): Promise<string>;
  /** Fires at SIGINT and SIGTERM, which end the process when nobody asks for this. */
  readonly interrupted: AbortSignal;
}

/** Reads all of standard input. */
export async function readAll(stdin: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stdin) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Lines without their end; the last one only when it has an end, as Go's ReadString tells. */
export async function* readLines(
  stdin: AsyncIterable<Uint8Array>,
): AsyncGenerator<string, void, undefined> {
  let rest = Buffer.alloc(0);
  for await (const chunk of stdin) {
    rest = Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a)) {
      // Latin-1 keeps bytes that are not UTF-8; each character stands for one byte.
      yield rest.toString("latin1", 0, end);
      rest = rest.subarray(end + 1);
    }
  }
}
