import { CtlError } from "../cli/ctl-error.js";
import type { Sink } from "../cli/io.js";
import { fields } from "./fields.js";
import type { Formatter } from "./formatter.js";
import { json } from "./json.js";
import { protobuf } from "./protobuf.js";
import type { ResultKind, Results } from "./results.js";
import { simple } from "./simple.js";
import { table } from "./table.js";

const FORMATTERS: Readonly<Record<string, Formatter>> = { simple, json, fields, table, protobuf };

export interface DisplayOptions {
  readonly stdout: Sink;
  readonly stderr: Sink;
  /** --write-out */
  readonly format: string;
  readonly isHex: boolean;
}

/** Shows results in the format that was asked for. */
export class Display {
  readonly format: string;
  readonly #formatter: Formatter;
  readonly #options: DisplayOptions;

  /** @throws CtlError "badFeature" for a format that does not exist */
  constructor(options: DisplayOptions) {
    const formatter = Object.hasOwn(FORMATTERS, options.format)
      ? FORMATTERS[options.format]
      : undefined;
    if (formatter === undefined) throw new CtlError("badFeature", "unsupported output format");
    this.format = options.format;
    this.#formatter = formatter;
    this.#options = options;
  }

  /** @throws CtlError "badFeature" when the format has no form for this kind */
  show<Kind extends ResultKind>(
    kind: Kind,
    result: Results[Kind],
    options: { readonly valueOnly?: boolean } = {},
  ): void {
    const format: Formatter[Kind] = this.#formatter[kind];
    if (format === undefined) {
      throw new CtlError("badFeature", `${this.format} not supported as output format`);
    }
    const { stdout, stderr, isHex } = this.#options;
    format(result, {
      out: stdout,
      err: stderr,
      isHex,
      valueOnly: options.valueOnly ?? false,
      line: (text) => stdout.write(`${text}\n`),
    });
  }
}
