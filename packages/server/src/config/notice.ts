/** A log line that is due before there is a logger: the host writes it as soon as it has one. */
export interface Notice {
  readonly level: "debug" | "info" | "warn" | "error" | "fatal";
  readonly message: string;
  readonly fields?: Readonly<Record<string, unknown>>;
}
