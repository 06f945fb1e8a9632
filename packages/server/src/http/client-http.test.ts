import { createServer, IncomingMessage, request, type Server, ServerResponse } from "node:http";
import { type AddressInfo, Socket } from "node:net";
import { InvariantError } from "@kvorum/base";
import { afterEach, describe, expect, it } from "vitest";
import { createLabelledFamilies } from "../observe/labelled-families.js";
import type { Logger } from "../observe/logger.js";
import { type ClientHttpOptions, createClientHttp, createMetricsHttp } from "./client-http.js";
import { processDebugVars } from "./debug-vars.js";
import { serveHealth } from "./health.js";
import type { NodeHealth } from "./node-health.js";
import { findProbe, serveProbe } from "./probes.js";

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

const silent = () => {};
const LOGGER: Logger = { debug: silent, info: silent, warn: silent, error: silent, fatal: silent };
const CORS = {
  "access-control-allow-methods": "POST, GET, OPTIONS, PUT, DELETE",
  "access-control-allow-origin": "*",
  "access-control-allow-headers": "accept, content-type, authorization",
};
const ERROR_HEADERS = {
  "content-type": "text/plain; charset=utf-8",
  "x-content-type-options": "nosniff",
};

const HEALTHY: NodeHealth = {
  alarms: () => [],
  hasLeader: () => true,
  isLearner: () => false,
  serializableRead: async () => {},
  linearizableRead: async () => {},
  versions: () => ({ server: "3.7.1", cluster: "3.7.0", storage: "3.7.0" }),
  metricsText: async () => "# TYPE a counter\na 1\n",
  debugVars: () => ({ "raft.status": { id: "8e9e", term: 2 }, big: 18446744073709551615n }),
};

let server: Server | undefined;
afterEach(() => server?.close());

function optionsOf(
  node: Partial<NodeHealth> = {},
  rest: Partial<ClientHttpOptions> = {},
): ClientHttpOptions {
  return {
    node: { ...HEALTHY, ...node },
    requestTimeoutMs: 7000,
    counters: createLabelledFamilies(),
    logger: LOGGER,
    corsOrigins: ["*"],
    hostWhitelist: ["*"],
    refusesCommonNames: () => false,
    ...rest,
  };
}

it("takes a broken invariant for no state of health", async () => {
  const broken = new InvariantError("a broken store");
  const fail = () => Promise.reject(broken);
  const options = optionsOf({ serializableRead: fail, linearizableRead: fail });
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  const request = new IncomingMessage(new Socket());
  request.method = "GET";
  const query = new URLSearchParams();
  await expect(serveHealth(options, request, { response, query })).rejects.toBe(broken);
  const exchange = { request, response, path: "/readyz", query };
  await expect(serveProbe(options, findProbe("/readyz")!, exchange)).rejects.toBe(broken);
});

async function ask(
  options: ClientHttpOptions,
  path: string,
  init: { method?: string; headers?: Record<string, string>; metricsOnly?: boolean } = {},
): Promise<Answer> {
  const listener = init.metricsOnly ? createMetricsHttp(options) : createClientHttp(options);
  const listening = createServer(listener);
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  const { port } = listening.address() as AddressInfo;
  return await new Promise<Answer>((resolve, reject) => {
    const { method = "GET", headers = {} } = init;
    const sent = request({ host: "127.0.0.1", port, path, method, headers }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("end", () => {
        listening.close();
        const body = Buffer.concat(parts).toString();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
      });
    });
    sent.on("error", reject).end();
  });
}

const LEARNER: Partial<NodeHealth> = { isLearner: () => true };
const NO_LEADER: Partial<NodeHealth> = { hasLeader: () => false };
const fails = (message: string) => async () => {
  throw new Error(message);
};

describe("pages of a healthy node", () => {
  it.each([
    ["/health", "text/plain; charset=utf-8", '{"health":"true","reason":""}'],
    ["/livez", "text/plain; charset=utf-8", "ok\n"],
    ["/livez?verbose", "text/plain; charset=utf-8", "[+]serializable_read ok\nok\n"],
    ["/livez/serializable_read", "text/plain; charset=utf-8", "ok\n"],
    ["/readyz", "text/plain; charset=utf-8", "ok\n"],
    [
      "/readyz?verbose",
      "text/plain; charset=utf-8",
      "[+]data_corruption ok\n[+]serializable_read ok\n[+]linearizable_read ok\n[+]non_learner ok\nok\n",
    ],
    [
      "/readyz?verbose&exclude=non_learner&exclude=data_corruption&exclude=x",
      "text/plain; charset=utf-8",
      "[+]serializable_read ok\n[+]linearizable_read ok\nok\n",
    ],
    [
      "/readyz/data_corruption?verbose&exclude=data_corruption",
      "text/plain; charset=utf-8",
      "[+]data_corruption ok\nok\n",
    ],
    [
      "/version",
      "application/json",
      '{"etcdserver":"3.7.1","etcdcluster":"3.7.0","storage":"3.7.0"}',
    ],
    ["/metrics", "text/plain; version=0.0.4; charset=utf-8", "# TYPE a counter\na 1\n"],
    [
      "/debug/vars",
      "application/json; charset=utf-8",
      '{\n"big": 18446744073709551615,\n"raft.status": {"id":"8e9e","term":2}\n}\n',
    ],
  ])("%s", async (path, contentType, body) => {
    const answer = await ask(optionsOf(), path);
    expect(answer).toMatchObject({
      status: 200,
      body,
      headers: { "content-type": contentType, ...CORS },
    });
    expect(answer.headers["content-length"]).toBe(String(body.length));
  });

  it.each([
    "/",
    "/foo",
    "/health/",
    "/livez/",
    "/livez/foo",
    "/readyz/non_learner/x",
    "/livez/toString",
    "/v2/keys",
    "/v3/kv/range",
    "/debug/pprof/",
    "/config/local/log",
  ])("%s does not exist", async (path) => {
    const answer = await ask(optionsOf(), path, { method: "POST" });
    expect(answer).toMatchObject({
      status: 404,
      body: "404 page not found\n",
      headers: { ...ERROR_HEADERS, ...CORS },
    });
  });

  it.each(["/health", "/livez", "/readyz/non_learner", "/version", "/debug/vars"])(
    "%s is only to be read",
    async (path) => {
      for (const method of ["POST", "HEAD"]) {
        const answer = await ask(optionsOf(), path, { method });
        expect(answer).toMatchObject({
          status: 405,
          headers: { allow: "GET", "content-length": "19", ...ERROR_HEADERS, ...CORS },
          body: method === "HEAD" ? "" : "Method Not Allowed\n",
        });
      }
    },
  );

  it("has undecided versions", async () => {
    const versions = () => ({ server: "3.7.1", cluster: undefined, storage: undefined });
    expect((await ask(optionsOf({ versions }), "/version")).body).toBe(
      '{"etcdserver":"3.7.1","etcdcluster":"not_decided","storage":"unknown"}',
    );
  });

  it("describes the process", () => {
    const variables = processDebugVars(["kvorum"], { fileDescriptorLimit: 1024 });
    expect(variables).toMatchObject({ cmdline: ["kvorum"], file_descriptor_limit: 1024 });
    expect((variables.memstats as { Sys: number }).Sys).toBeGreaterThan(1e6);
  });
});

describe("pages of a node in trouble", () => {
  const timeout = { linearizableRead: fails("etcdserver: request timed out") };
  it.each([
    [
      { alarms: () => ["NOSPACE"] as const },
      "/health",
      '{"health":"false","reason":"ALARM NOSPACE"}',
    ],
    [
      { alarms: () => ["NOSPACE", "CORRUPT"] as const },
      "/health?exclude=NOSPACE",
      '{"health":"false","reason":"ALARM CORRUPT"}',
    ],
    [NO_LEADER, "/health", '{"health":"false","reason":"RAFT NO LEADER"}'],
    [timeout, "/health", '{"health":"false","reason":"RANGE ERROR:etcdserver: request timed out"}'],
    [
      timeout,
      "/readyz",
      "[+]data_corruption ok\n[+]serializable_read ok\n[-]linearizable_read failed: etcdserver: request timed out\n[+]non_learner ok\n",
    ],
    [
      timeout,
      "/readyz/linearizable_read",
      "[-]linearizable_read failed: etcdserver: request timed out\n",
    ],
    [
      { alarms: () => ["CORRUPT"] as const },
      "/readyz/data_corruption",
      "[-]data_corruption failed: alarm activated: CORRUPT\n",
    ],
    [LEARNER, "/readyz/non_learner", "[-]non_learner failed: not supported for learner\n"],
    [{ serializableRead: fails("closed") }, "/livez", "[-]serializable_read failed: closed\n"],
  ] as const)("%j %s", async (node, path, body) => {
    const answer = await ask(optionsOf(node), path);
    expect(answer).toMatchObject({
      status: 503,
      body: `${body}\n`,
      headers: { ...ERROR_HEADERS, ...CORS },
    });
  });

  it.each([
    [{ ...NO_LEADER, linearizableRead: fails("x") }, "/health?serializable=true"],
    [{ alarms: () => ["NOSPACE"] as const }, "/health?exclude=NOSPACE"],
    [{ alarms: () => ["NOSPACE"] as const }, "/readyz"],
    [LEARNER, "/readyz?exclude=non_learner"],
    [{ ...NO_LEADER, linearizableRead: fails("x") }, "/livez"],
  ] as const)("%j still answers %s well", async (node, path) => {
    expect((await ask(optionsOf(node), path)).status).toBe(200);
  });

  it("counts what it finds", async () => {
    const options = optionsOf({ isLearner: () => true });
    await ask(options, "/readyz/non_learner");
    await ask(options, "/health");
    const { healthCheck, healthChecks, healthSuccesses } = options.counters;
    expect(healthCheck.cell("non_learner", "readyz").value).toBe(0);
    expect(healthChecks.cell("non_learner", "error", "readyz").value).toBe(1);
    expect(healthSuccesses.cell().value).toBe(1);
  });

  it("shows its own faults as 500", async () => {
    const answer = await ask(optionsOf({ metricsText: fails("bug") }), "/metrics");
    expect(answer).toMatchObject({ status: 500, body: "Internal Server Error\n" });
  });
});

describe("access", () => {
  it("answers OPTIONS on any path", async () => {
    const answer = await ask(optionsOf(), "/foo", { method: "OPTIONS" });
    expect(answer).toMatchObject({
      status: 200,
      body: "",
      headers: { "content-length": "0", ...CORS },
    });
  });

  it("names only a listed origin", async () => {
    const options = optionsOf({}, { corsOrigins: ["http://a:1"] });
    const headers = async (origin: string) =>
      (await ask(options, "/health", { headers: { Origin: origin } })).headers;
    expect((await headers("http://a:1"))["access-control-allow-origin"]).toBe("http://a:1");
    expect((await headers("http://b:1"))["access-control-allow-origin"]).toBeUndefined();
  });

  it("refuses an unlisted host name", async () => {
    const options = optionsOf({}, { hostWhitelist: ["good.example", "::1"] });
    const from = (host: string) => ask(options, "/health", { headers: { Host: host } });
    expect((await from("good.example")).status).toBe(200);
    expect((await from("good.example:2379")).status).toBe(200);
    expect((await from("[::1]:2379")).status).toBe(200);
    const refused = await from("evil.example:2379");
    expect(refused).toMatchObject({ status: 421, headers: ERROR_HEADERS });
    expect(refused.headers["access-control-allow-origin"]).toBeUndefined();
    expect(refused.body).toContain('--host-whitelist "evil.example"');
    expect(refused.body).toContain("CVE-2018-5702");
  });

  it("hands /v3/ and /v3beta/ to the gateway, with CORS headers set", async () => {
    const options = optionsOf({}, { gateway: (asked, response) => response.end(asked.url) });
    expect(await ask(options, "/v3beta/kv/range?a")).toMatchObject({
      status: 200,
      body: "/v3/kv/range?a",
      headers: CORS,
    });
    expect((await ask(options, "/v3alpha/kv/range")).status).toBe(404);
  });

  it("serves metrics and health alone on the metrics port, without CORS", async () => {
    const metrics = (path: string) => ask(optionsOf(), path, { metricsOnly: true });
    for (const path of ["/metrics", "/health", "/livez", "/readyz/non_learner"]) {
      const answer = await metrics(path);
      expect(answer.status).toBe(200);
      expect(answer.headers["access-control-allow-origin"]).toBeUndefined();
    }
    expect((await metrics("/version")).status).toBe(404);
    expect((await metrics("/debug/vars")).status).toBe(404);
  });
});
