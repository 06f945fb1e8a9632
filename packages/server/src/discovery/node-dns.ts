import { promises as dns } from "node:dns";
import type { Dns } from "./dns.js";

/** The system's resolver. */
export const nodeDns: Dns = {
  async srv(name) {
    const records = await asking(name, () => dns.resolveSrv(name));
    return records.map(({ name: target, port, priority }) => ({ target, port, priority }));
  },
  async address(host) {
    const bare = host.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
    const found = await asking(bare, () => dns.lookup(bare, { family: 0, order: "ipv4first" }));
    return found.address;
  },
};

async function asking<Answer>(name: string, ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask();
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    const isAbsent = code === "ENOTFOUND" || code === "ENODATA";
    const reason = isAbsent
      ? "no such host"
      : String(cause instanceof Error ? cause.message : cause);
    throw new Error(`lookup ${name}: ${reason}`, { cause });
  }
}
