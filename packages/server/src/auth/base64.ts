const STANDARD = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Standard base64 with its padding, as Go's StdEncoding takes it; undefined for anything else. */
export function decodeBase64(text: string): Buffer | undefined {
  const bare = text.replace(/[\r\n]/g, "");
  return STANDARD.test(bare) ? Buffer.from(bare, "base64") : undefined;
}
