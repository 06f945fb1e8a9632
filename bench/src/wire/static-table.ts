/**
 * The static table, RFC 7541 Appendix A, as "name" or "name=value", from index 1 on. A name that
 * stands alone has an empty value.
 */
const ENTRIES =
  ":authority|:method=GET|:method=POST|:path=/|:path=/index.html|:scheme=http|:scheme=https|" +
  ":status=200|:status=204|:status=206|:status=304|:status=400|:status=404|:status=500|" +
  "accept-charset|accept-encoding=gzip, deflate|accept-language|accept-ranges|accept|" +
  "access-control-allow-origin|age|allow|authorization|cache-control|content-disposition|" +
  "content-encoding|content-language|content-length|content-location|content-range|" +
  "content-type|cookie|date|etag|expect|expires|from|host|if-match|if-modified-since|" +
  "if-none-match|if-range|if-unmodified-since|last-modified|link|location|max-forwards|" +
  "proxy-authenticate|proxy-authorization|range|referer|refresh|retry-after|server|set-cookie|" +
  "strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate";

export interface HeaderField {
  readonly name: string;
  readonly value: string;
}

export const STATIC_TABLE: readonly HeaderField[] = ENTRIES.split("|").map((entry) => {
  const split = entry.indexOf("=");
  return split < 0
    ? { name: entry, value: "" }
    : { name: entry.slice(0, split), value: entry.slice(split + 1) };
});

/** Index of the newest entry of the dynamic table. */
export const DYNAMIC_INDEX = STATIC_TABLE.length + 1;

/** Indexes of the names that a gRPC request needs. */
export const StaticIndex = {
  AUTHORITY: 1,
  METHOD_POST: 3,
  PATH: 4,
  SCHEME_HTTP: 6,
  SCHEME_HTTPS: 7,
  CONTENT_TYPE: 31,
  USER_AGENT: 58,
} as const;
