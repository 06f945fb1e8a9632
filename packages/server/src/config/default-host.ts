import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";

/**
 * The address a listener on 0.0.0.0 is reached at: that of the interface with the default route, as
 * etcd finds it through netlink. Linux only; undefined elsewhere and without such a route. It is an
 * input of `parseConfig`, which itself reads nothing.
 */
export function detectDefaultHost(): string | undefined {
  let table: string;
  try {
    table = readFileSync("/proc/net/route", "latin1");
  } catch {
    return undefined;
  }
  const name = defaultInterface(table);
  const addresses = name === undefined ? undefined : networkInterfaces()[name];
  return addresses?.find((address) => address.family === "IPv4")?.address;
}

/**
 * The interface of the default route with the lowest metric in the text of /proc/net/route, whose
 * columns are: Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT.
 */
export function defaultInterface(table: string): string | undefined {
  let best: { readonly name: string; readonly metric: number } | undefined;
  for (const line of table.split("\n").slice(1)) {
    const [name, destination, , , , , metric, mask] = line.split("\t").map((part) => part.trim());
    if (!name || destination !== "00000000" || mask !== "00000000") continue;
    if (best === undefined || Number(metric) < best.metric) best = { name, metric: Number(metric) };
  }
  return best?.name;
}
