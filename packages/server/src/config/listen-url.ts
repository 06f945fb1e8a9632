import { goQuote } from "@kvorum/base";

/**
 * An URL to listen on or to advertise. Not the platform's URL class: that one rewrites what was
 * given (a trailing slash, a default port), and members compare these texts.
 */
export interface ListenUrl {
  /** As written, which is how etcd prints it. */
  readonly href: string;
  readonly scheme: "http" | "https" | "unix" | "unixs";
  /** Without the brackets of an IPv6 address; for unix schemes the path of the socket. */
  readonly host: string;
  /** 0 for unix schemes. */
  readonly port: number;
}

export type UrlResult<Value> =
  | { readonly kind: "ok"; readonly value: Value }
  | { readonly kind: "error"; readonly message: string };

const fail = (message: string) => ({ kind: "error", message }) as const;
const ok = <Value>(value: Value) => ({ kind: "ok", value }) as const;

const SCHEME = /^([a-zA-Z][a-zA-Z0-9+.-]*):(.*)$/s;
const HOST_CHARACTERS = /^[\p{L}\p{N}\-._~!$&'()*+,;=:[\]<>"%]*$/u;
const PORT_MAX = 65_535;

/** The URLs as they were written. */
export function hrefsOf(urls: readonly ListenUrl[]): string[] {
  return urls.map((url) => url.href);
}

/** Types.NewURLs of etcd: trims, checks, and sorts by text. Messages are etcd's and Go's. */
export function parseListenUrls(texts: readonly string[]): UrlResult<readonly ListenUrl[]> {
  const urls: ListenUrl[] = [];
  for (const text of texts) {
    const parsed = parseListenUrl(text.trim());
    if (parsed.kind === "error") return parsed;
    urls.push(parsed.value);
  }
  return ok(urls.sort((left, right) => (left.href < right.href ? -1 : +(left.href > right.href))));
}

/** Reads one URL, with etcd's message when it is none to listen on or to advertise. */
export function parseListenUrl(text: string): UrlResult<ListenUrl> {
  const found = SCHEME.exec(text);
  if (!found) return fail(withoutScheme(text));
  const scheme = found[1]!.toLowerCase();
  const rest = found[2]!;
  const slashed = rest.startsWith("//") ? rest.slice(2) : undefined;
  const authorityEnd = slashed === undefined ? -1 : slashed.search(/[/?#]/);
  const authority = authorityEnd < 0 ? (slashed ?? "") : slashed!.slice(0, authorityEnd);
  const path =
    authorityEnd < 0 ? (slashed === undefined ? rest : "") : slashed!.slice(authorityEnd);
  const address = splitAuthority(text, authority);
  if (address.kind === "error") return address;
  if (scheme === "unix" || scheme === "unixs") {
    return ok({ href: text, scheme, host: authority + path, port: 0 });
  }
  if (scheme !== "http" && scheme !== "https") {
    return fail(`URL scheme must be http, https, unix, or unixs: ${text}`);
  }
  const { host, port } = address.value;
  if (port === undefined) {
    return fail(`URL address does not have the form "host:port": ${text}`);
  }
  if (path.startsWith("/")) return fail(`URL must not contain a path: ${text}`);
  const number = port === "" ? 0 : Number(port);
  if (number > PORT_MAX) return fail(`parse ${goQuote(text)}: invalid port ":${port}" after host`);
  return ok({ href: text, scheme, host, port: number });
}

function withoutScheme(text: string): string {
  if (text.startsWith(":")) return `parse ${goQuote(text)}: missing protocol scheme`;
  const firstSegment = text.split("/", 1)[0]!;
  return firstSegment.includes(":")
    ? `parse ${goQuote(text)}: first path segment in URL cannot contain colon`
    : `URL scheme must be http, https, unix, or unixs: ${text}`;
}

function splitAuthority(
  text: string,
  authority: string,
): UrlResult<{ readonly host: string; readonly port: string | undefined }> {
  const hostAndPort = authority.slice(authority.lastIndexOf("@") + 1);
  if (!HOST_CHARACTERS.test(hostAndPort)) {
    const bad = [...hostAndPort].find((character) => !HOST_CHARACTERS.test(character))!;
    return fail(`parse ${goQuote(text)}: invalid character ${goQuote(bad)} in host name`);
  }
  const bracketEnd = hostAndPort.startsWith("[") ? hostAndPort.lastIndexOf("]") : -1;
  if (hostAndPort.startsWith("[") && bracketEnd < 0) {
    return fail(`parse ${goQuote(text)}: missing ']' in host`);
  }
  const colon = hostAndPort.indexOf(":", bracketEnd + 1);
  const lastColon = hostAndPort.lastIndexOf(":");
  const host = colon < 0 ? hostAndPort : hostAndPort.slice(0, colon);
  const portText = colon < 0 ? undefined : hostAndPort.slice(lastColon + 1);
  if (portText !== undefined && !/^\d*$/.test(portText)) {
    return fail(`parse ${goQuote(text)}: invalid port ${goQuote(`:${portText}`)} after host`);
  }
  // More than one colon without brackets parses as a URL but is no host:port.
  const port = colon === lastColon ? portText : undefined;
  return ok({ host: bracketEnd < 0 ? host : hostAndPort.slice(1, bracketEnd), port });
}
