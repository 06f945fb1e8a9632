import { expect, test } from "vitest";
import { parseListenUrls } from "../config/listen-url.js";
import { recordingLogger } from "../observe/testing/recording-logger.js";
import type { Dns, SrvRecord } from "./dns.js";
import { clusterFromSrv } from "./srv-cluster.js";

const ADDRESSES: Readonly<Record<string, string>> = {
  "a.example.com": "10.0.0.1",
  "b.example.com": "10.0.0.2",
  "10.0.0.1": "10.0.0.1",
};

function discover(
  services: Readonly<Record<string, readonly SrvRecord[]>>,
  { name = "a", urls = ["http://10.0.0.1:2380"], serviceName = "" } = {},
): Promise<string> {
  const parsed = parseListenUrls(urls);
  if (parsed.kind === "error") throw new Error(parsed.message);
  const dns: Dns = {
    async srv(asked) {
      const found = services[asked];
      if (found === undefined) throw new Error(`lookup ${asked}: no such host`);
      return found;
    },
    async address(host) {
      const found = ADDRESSES[host.replace(/\.$/, "")];
      if (found === undefined) throw new Error(`lookup ${host}: no such host`);
      return found;
    },
  };
  const logger = recordingLogger();
  const advertisePeerUrls = parsed.value;
  return clusterFromSrv({
    dns,
    domain: "example.com",
    serviceName,
    name,
    advertisePeerUrls,
    logger,
  });
}

const record = (target: string, port = 2380, priority = 0) => ({ target, port, priority });

test("this member is found by its address, the others are numbered, by priority", async () => {
  const records = [
    record("b.example.com.", 2381, 2),
    record("a.example.com."),
    record("b.example.com.", 2380, 1),
  ];
  expect(await discover({ "_etcd-server._tcp.example.com": records })).toBe(
    "a=http://a.example.com:2380,0=http://b.example.com:2380,1=http://b.example.com:2381",
  );
});

test("both services count, those over TLS first; a suffix names other services", async () => {
  const services = {
    "_etcd-server-ssl-x._tcp.example.com": [record("b.example.com.")],
    "_etcd-server-x._tcp.example.com": [record("a.example.com.")],
  };
  expect(await discover(services, { serviceName: "x" })).toBe(
    "0=https://b.example.com:2380,a=http://a.example.com:2380",
  );
});

test("no records at all", async () => {
  await expect(discover({})).rejects.toThrow(
    "error setting up initial cluster: " +
      "error querying DNS SRV records for _etcd-server-ssl lookup " +
      "_etcd-server-ssl._tcp.example.com: no such host\n" +
      "error querying DNS SRV records for _etcd-server lookup " +
      "_etcd-server._tcp.example.com: no such host",
  );
});

test("records of others only", async () => {
  const services = { "_etcd-server._tcp.example.com": [record("b.example.com.")] };
  await expect(discover(services)).rejects.toThrow(
    'cannot find local etcd member "a" in SRV records',
  );
});

test("a record of this member with the other scheme, and one that leads nowhere", async () => {
  const services = { "_etcd-server-ssl._tcp.example.com": [record("a.example.com.")] };
  await expect(discover(services)).rejects.toThrow(
    "bootstrap at https://a.example.com:2380 from DNS for etcd-server-ssl has scheme mismatch " +
      "with expected peer http://10.0.0.1:2380",
  );
  const lost = {
    "_etcd-server._tcp.example.com": [record("gone.example.com."), record("a.example.com.")],
  };
  expect(await discover(lost)).toBe("a=http://a.example.com:2380");
});
