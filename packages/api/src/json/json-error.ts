/** A text is no JSON, or none of the message that it should be; the wording is Go's. */
export class JsonError extends Error {
  override readonly name = "JsonError";
}
