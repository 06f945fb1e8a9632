/** What was thrown, in words: the message of an Error, and anything else as text. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
