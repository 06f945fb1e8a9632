import type { Clock } from "@kvorum/base";
import { goQuote } from "@kvorum/base";
import type { ListenUrl } from "../config/listen-url.js";
import type { Logger } from "../observe/logger.js";
import type { Dns } from "./dns.js";
import { discoveryLimits } from "./limits.js";

/** What the comparison needs to look up host names. */
export interface NameLookup {
  readonly dns: Pick<Dns, "address">;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Why two lists of URLs do not lead to the same places, in etcd's words; undefined when they do.
 * Addresses are compared as addresses, not as texts. Where that leaves a difference, host names are
 * looked up, again and again for half a minute when the name service doesn't answer; "localhost" is
 * not. Source: etcd's netutil.URLStringsEqual.
 * @param lookup undefined: names are compared as texts
 */
export async function findUrlMismatch(
  left: readonly ListenUrl[],
  right: readonly ListenUrl[],
  lookup?: NameLookup,
): Promise<string | undefined> {
  if (left.length !== right.length) return `len(${goList(left)}) != len(${goList(right)})`;
  const difference = findDifference(left, right);
  if (difference === undefined || lookup === undefined) return difference;
  const deadlineMs = lookup.clock.nowMs() + discoveryLimits.nameLookupMs;
  const resolved: ListenUrl[][] = [];
  for (const list of [left, right]) {
    const urls: ListenUrl[] = [];
    for (const url of list) {
      try {
        urls.push(await resolve(url, lookup, deadlineMs));
      } catch (error) {
        return `failed to resolve ${goQuote(url.href)} (${(error as Error).message})`;
      }
    }
    resolved.push(urls);
  }
  return findDifference(resolved[0]!, resolved[1]!);
}

/** The first pair that differs when both are sorted. */
function findDifference(
  left: readonly ListenUrl[],
  right: readonly ListenUrl[],
): string | undefined {
  const [a, b] = [[...left].sort(byText), [...right].sort(byText)];
  const at = a.findIndex((url, i) => canonical(url) !== canonical(b[i]!));
  if (at < 0) return undefined;
  return `resolved urls: ${goQuote(a[at]!.href)} != ${goQuote(b[at]!.href)}`;
}

function byText(left: ListenUrl, right: ListenUrl): number {
  return left.href < right.href ? -1 : +(left.href > right.href);
}

function goList(urls: readonly ListenUrl[]): string {
  return `[${urls.map(({ href }) => goQuote(href)).join(" ")}]`;
}

function canonical({ scheme, host, port }: ListenUrl): string {
  return `${scheme} ${canonicalHost(host)} ${port}`;
}

const MAPPED_IPV4 = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/;

/** An IPv6 address may be written in many ways, an IPv4 one as IPv6, too. */
function canonicalHost(host: string): string {
  if (!host.includes(":") || !URL.canParse(`http://[${host}]`)) return host;
  const { hostname } = new URL(`http://[${host}]`);
  const mapped = MAPPED_IPV4.exec(hostname);
  if (mapped === null) return hostname;
  const halves = [mapped[1]!, mapped[2]!].map((hex) => Number.parseInt(hex, 16));
  return halves.flatMap((half) => [half >> 8, half & 0xff]).join(".");
}

async function resolve(
  url: ListenUrl,
  { dns, clock, logger }: NameLookup,
  deadlineMs: number,
): Promise<ListenUrl> {
  const { scheme, host, port } = url;
  if (scheme.startsWith("unix") || host === "localhost") return url;
  const fields = { url: url.href, host: `${host}:${port}` };
  for (;;) {
    try {
      const address = await dns.address(host);
      const place = `${address.includes(":") ? `[${address}]` : address}:${port}`;
      logger.info("resolved URL Host", { ...fields, "resolved-addr": place });
      return { scheme, host: address, port, href: `${scheme}://${place}` };
    } catch (error) {
      const retry = { ...fields, "retry-interval": "1s", error };
      logger.warn("failed to resolve URL Host", retry);
      if (clock.nowMs() + discoveryLimits.nameLookupRetryMs > deadlineMs) {
        logger.warn("failed to resolve URL Host; returning", retry);
        throw error;
      }
    }
    await new Promise<void>((done) => clock.after(discoveryLimits.nameLookupRetryMs, done));
  }
}
