import { Writable } from "node:stream";
import { Presets, SingleBar } from "cli-progress";
import { humanBytes } from "../output/go-text.js";
import type { Sink } from "./io.js";

/** A bar of bytes done on a terminal; into anything else it draws nothing. */
export class ProgressBar {
  readonly #bar: SingleBar | undefined;
  #isStarted = false;

  constructor(sink: Sink, what: string) {
    if (!sink.isTerminal) return;
    const format = `${what} {bar} {percentage}% | {done} of {all} | {eta_formatted} left`;
    const options = { stream: terminalOf(sink), format, hideCursor: true, clearOnComplete: true };
    this.#bar = new SingleBar(options, Presets.shades_classic);
  }

  update(doneBytes: number, allBytes: number): void {
    const texts = { done: humanBytes(doneBytes), all: humanBytes(allBytes) };
    if (this.#isStarted) {
      this.#bar?.setTotal(allBytes);
      this.#bar?.update(doneBytes, texts);
      return;
    }
    this.#isStarted = true;
    this.#bar?.start(allBytes, doneBytes, texts);
  }

  /** Takes the bar off the terminal. */
  stop(): void {
    if (this.#isStarted) this.#bar?.stop();
  }
}

function terminalOf(sink: Sink): NodeJS.WritableStream {
  const stream = new Writable({
    write: (chunk: Uint8Array, _encoding, done) => {
      sink.write(chunk);
      done();
    },
  });
  return Object.assign(stream, { isTTY: true, columns: sink.columns, rows: 24 });
}
