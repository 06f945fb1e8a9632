/** Why a node didn't start, in the log's words. */
export class StartError extends Error {
  override readonly name = "StartError";
  /** The log line: "listener failed" or "discovery failed" as etcd has them, or one of Kvorum's own. */
  readonly line: string;

  constructor(line: string, message: string, options?: { readonly cause: unknown }) {
    super(message, options);
    this.line = line;
  }
}
