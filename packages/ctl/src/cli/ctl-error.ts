import { messageOf } from "@kvorum/base";
import { ClientError } from "@kvorum/client";

/** The exit codes of etcd's tools. Source: etcd's pkg/cobrautl. */
export const ExitCode = {
  ok: 0,
  error: 1,
  badConnection: 2,
  /** A transaction's or a watch's input line. */
  invalidInput: 3,
  /** A known flag with a value that is not supported. */
  badFeature: 4,
  interrupted: 5,
  badArguments: 128,
} as const;

export type CtlErrorCode = keyof typeof ExitCode;

/** Ends a command: `message` goes to standard error behind "Error: ", `code` to the shell. */
export class CtlError extends Error {
  override readonly name = "CtlError";
  readonly code: CtlErrorCode;
  /** Text printed behind the error, such as the usage. */
  readonly help: string | undefined;
  readonly exitCode: number;

  constructor(
    code: CtlErrorCode,
    message: string,
    options: {
      readonly cause?: unknown;
      readonly help?: string;
      /** Of a command that was run; otherwise the code's own. */
      readonly exitCode?: number;
    } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.help = options.help;
    this.exitCode = options.exitCode ?? ExitCode[code];
  }
}

/** A failure as etcd's Go client words it: a text that is not etcd's own gets gRPC's frame. */
export function errorText(error: unknown): string {
  if (!(error instanceof ClientError)) return messageOf(error);
  const { code, message } = error;
  const isPlain =
    /^(etcdserver|mutex|election): /.test(message) ||
    ["CLOSED", "OPTIONS", "DEADLINE_EXCEEDED", "CANCELLED"].includes(code);
  return isPlain ? message : `rpc error: code = ${goCodeName(code)} desc = ${message}`;
}

/** FAILED_PRECONDITION as FailedPrecondition. */
function goCodeName(code: string): string {
  return code.toLowerCase().replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

export function badArguments(message: string): CtlError {
  return new CtlError("badArguments", message);
}

/** The failure of a request as the tool reports it: the text alone, with the given exit code. */
export function failure(code: CtlErrorCode, cause: unknown, prefix?: string): CtlError {
  if (cause instanceof CtlError) return cause;
  const text = errorText(cause);
  return new CtlError(code, prefix === undefined ? text : `${prefix} (${text})`, { cause });
}
