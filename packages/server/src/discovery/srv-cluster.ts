import { messageOf } from "@kvorum/base";
import type { ListenUrl } from "../config/listen-url.js";
import type { Logger } from "../observe/logger.js";
import type { Dns } from "./dns.js";

export interface SrvClusterOptions {
  readonly dns: Dns;
  /** --discovery-srv */
  readonly domain: string;
  /** --discovery-srv-name, or empty. */
  readonly serviceName: string;
  /** This member's. */
  readonly name: string;
  readonly advertisePeerUrls: readonly ListenUrl[];
  readonly logger: Logger;
}

/**
 * The initial cluster as SRV records tell it: "name=url,…", first those that are reached over TLS.
 * This member is the record that leads to the address of one of its peer URLs; the others get
 * numbers for names until they publish their own.
 * @throws Error with etcd's text when neither service has records, or none is this member
 */
export async function clusterFromSrv(options: SrvClusterOptions): Promise<string> {
  const { serviceName, name, domain, advertisePeerUrls, logger } = options;
  const suffix = serviceName === "" ? "" : `-${serviceName}`;
  const pairs: string[] = [];
  const errors: string[] = [];
  for (const [scheme, service] of [
    ["https", `etcd-server-ssl${suffix}`],
    ["http", `etcd-server${suffix}`],
  ] as const) {
    const found = await membersOf(options, { scheme, service });
    if (typeof found === "string") errors.push(found);
    else pairs.push(...found);
    logger.info(`get cluster for ${service} SRV`, {
      "service-scheme": scheme,
      "service-name": service,
      "server-name": name,
      "discovery-srv": domain,
      "advertise-peer-urls": advertisePeerUrls.map((url) => url.href),
      "found-cluster": pairs,
      ...(typeof found === "string" ? { error: found } : {}),
    });
  }
  if (errors.length > 0) {
    logger.warn("failed to resolve during SRV discovery", { error: errors.join("\n") });
  }
  if (pairs.length === 0) {
    throw new Error(`error setting up initial cluster: ${errors.join("\n")}`);
  }
  for (const node of pairs) logger.info("got bootstrap from DNS for etcd-server", { node });
  if (!pairs.some((pair) => pair.startsWith(`${name}=`))) {
    const cause = `cannot find local etcd member "${name}" in SRV records`;
    throw new Error(`error setting up initial cluster: ${cause}`);
  }
  return pairs.join(",");
}

/** "name=url" of each record, or what went wrong when there is none. */
async function membersOf(
  { dns, domain, name, advertisePeerUrls }: SrvClusterOptions,
  { scheme, service }: { readonly scheme: "https" | "http"; readonly service: string },
): Promise<string[] | string> {
  let problem: string | undefined;
  const pairs: string[] = [];
  try {
    const own = new Map<string, ListenUrl>();
    for (const url of advertisePeerUrls) {
      own.set(`${await dns.address(url.host)} ${url.port}`, url);
    }
    const records = [...(await dns.srv(`_${service}._tcp.${domain}`))];
    records.sort((left, right) => left.priority - right.priority);
    let unnamed = 0;
    for (const { target, port } of records) {
      const address = await dns.address(target).catch((error: unknown) => {
        problem = messageOf(error);
        return undefined;
      });
      if (address === undefined) continue;
      const url = own.get(`${address} ${port}`);
      const host = target.replace(/\.$/, "");
      const href = `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
      if (url === undefined) {
        pairs.push(`${unnamed}=${href}`);
        unnamed++;
      } else if (url.scheme === scheme) {
        pairs.push(`${name}=${href}`);
      } else {
        problem =
          `bootstrap at ${href} from DNS for ${service} has scheme mismatch ` +
          `with expected peer ${url.href}`;
      }
    }
  } catch (error) {
    problem = messageOf(error);
  }
  if (pairs.length > 0 || problem === undefined) return pairs;
  return `error querying DNS SRV records for _${service} ${problem}`;
}
