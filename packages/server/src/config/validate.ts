import { isIP } from "node:net";
import { goQuote } from "@kvorum/base";
import { changedGates, gates } from "./feature-gates.js";
import type { FlagValues } from "./flag-value.js";
import { type FlagName, flags } from "./flags.js";
import { formatGoDuration } from "./go-text.js";
import { configLimits } from "./limits.js";
import type { ListenUrl } from "./listen-url.js";
import type { Notice } from "./notice.js";

/** What the checks look at beside the flags themselves. */
export interface Draft {
  readonly values: FlagValues;
  readonly initialCluster: string;
  /** Undefined when --listen-client-urls was given without --advertise-client-urls. */
  readonly advertiseClientUrls: readonly ListenUrl[] | undefined;
}

const SINGLE_PORT =
  "Running http and grpc server on single port. This is not recommended for production.";
const DEFAULT_NAME =
  "it isn't recommended to use default name, please set a value for --name. Note that etcd might " +
  "run into issue when multiple members have the same default name";
export const ADVERTISE_MISSING =
  "--advertise-client-urls is required when --listen-client-urls is set explicitly";
const CONFLICTING_BOOTSTRAP =
  "multiple discovery or bootstrap flags are set. Choose one of " +
  '"initial-cluster", "discovery-endpoints" or "discovery-srv"';
const PERSIST_ALONE =
  "enabling feature gate LeaseCheckpointPersist requires enabling feature gate LeaseCheckpoint";
const TLS_VERSIONS = ["", "TLS1.2", "TLS1.3"];

/**
 * The checks of etcd's embed.Config.Validate, in its order and with its messages; warnings go to
 * `notices`. What Kvorum has not built is refused last, so that etcd's own errors come first.
 * @returns the message of the first thing wrong
 */
export function validate(draft: Draft, notices: Notice[]): string | undefined {
  const { values } = draft;
  return (
    checkListenUrls(values, notices) ??
    checkAdvertisedUrls(draft) ??
    checkBootstrap(draft) ??
    checkTicks(values) ??
    (draft.advertiseClientUrls === undefined ? ADVERTISE_MISSING : undefined) ??
    checkCompactionMode(values.text("auto-compaction-mode")) ??
    checkGates(values, notices) ??
    checkName(values, notices) ??
    checkTlsVersions(values) ??
    checkUnsupported(values, notices)
  );
}

function checkListenUrls(values: FlagValues, notices: Notice[]): string | undefined {
  for (const name of [
    "listen-peer-urls",
    "listen-client-urls",
    "listen-client-http-urls",
  ] as const) {
    const problem = checkBindUrls(values.urls(name));
    if (problem !== undefined) return problem;
  }
  if (values.urls("listen-client-http-urls").length === 0) {
    notices.push({ level: "warn", message: SINGLE_PORT });
  }
  return checkBindUrls(values.urls("listen-metrics-urls"));
}

function checkBindUrls(urls: readonly ListenUrl[]): string | undefined {
  const bad = urls.find((url) => !isUnix(url) && url.host !== "localhost" && isIP(url.host) === 0);
  return bad && `expected IP in URL for binding (${bad.href})`;
}

function checkAdvertisedUrls(draft: Draft): string | undefined {
  const peerUrls = draft.values.urls("initial-advertise-peer-urls");
  const peerProblem = checkHosts(peerUrls);
  if (peerProblem !== undefined) {
    return `--initial-advertise-peer-urls ${quoted(peerUrls)} must be "host:port" (${peerProblem})`;
  }
  const clientUrls = draft.advertiseClientUrls ?? [];
  const clientProblem = checkHosts(clientUrls);
  if (clientProblem === undefined) return undefined;
  const forms = '"host:port", "unix:/path/to/socket" or "unixs:/path/to/socket"';
  const must = `must be in the format ${forms} (${clientProblem})`;
  return `--advertise-client-urls ${quoted(clientUrls)} ${must}`;
}

function checkHosts(urls: readonly ListenUrl[]): string | undefined {
  const bad = urls.find((url) => !isUnix(url) && url.host === "");
  return bad && `unexpected empty host (${bad.href})`;
}

function isUnix(url: ListenUrl): boolean {
  return url.scheme === "unix" || url.scheme === "unixs";
}

function quoted(urls: readonly ListenUrl[]): string {
  return goQuote(urls.map((url) => url.href).join(","));
}

function checkBootstrap({ values, initialCluster }: Draft): string | undefined {
  const state = values.text("initial-cluster-state");
  if (state !== "new" && state !== "existing") return `unexpected clusterState ${goQuote(state)}`;
  const endpoints = values.list("discovery-endpoints");
  const ways = [initialCluster !== "", values.text("discovery-srv") !== "", endpoints.length > 0];
  if (ways.filter(Boolean).length > 1) return CONFLICTING_BOOTSTRAP;
  if ((values.text("discovery-token") !== "") !== endpoints.length > 0) {
    return "both --discovery-token and --discovery-endpoints must be set";
  }
  if (endpoints.some((endpoint) => endpoint.trim() === "")) {
    return "--discovery-endpoints must not contain empty endpoints";
  }
  return undefined;
}

function checkTicks(values: FlagValues): string | undefined {
  const heartbeatMs = values.number("heartbeat-interval");
  const electionMs = values.number("election-timeout");
  if (heartbeatMs === 0) return "--heartbeat-interval must be >0 (set to 0ms)";
  if (electionMs === 0) return "--election-timeout must be >0 (set to 0ms)";
  const least = configLimits.electionHeartbeatsMin;
  if (least * heartbeatMs > electionMs) {
    return (
      `--election-timeout[${electionMs}ms] should be at least as ${least} times as ` +
      `--heartbeat-interval[${heartbeatMs}ms]`
    );
  }
  const most = configLimits.electionTimeoutMsMax;
  if (electionMs <= most) return undefined;
  return `--election-timeout[${electionMs}ms] is too long, and should be set less than ${most}ms`;
}

function checkCompactionMode(mode: string): string | undefined {
  if (mode === "periodic" || mode === "revision") return undefined;
  return mode === ""
    ? "undefined auto-compaction-mode"
    : `unknown auto-compaction-mode ${goQuote(mode)}`;
}

function checkGates(values: FlagValues, notices: Notice[]): string | undefined {
  const { LeaseCheckpoint, LeaseCheckpointPersist } = values.gates();
  if (LeaseCheckpoint && !LeaseCheckpointPersist) {
    const advice = "Consider enabling feature gate LeaseCheckpointPersist";
    const message = `Detected that checkpointing is enabled without persistence. ${advice}`;
    notices.push({ level: "warn", message });
  }
  if (LeaseCheckpointPersist && !LeaseCheckpoint) return PERSIST_ALONE;
  const hashCheck = values.number("compact-hash-check-time");
  if (hashCheck > 0) return undefined;
  return `--compact-hash-check-time must be >0 (set to ${formatGoDuration(hashCheck)})`;
}

function checkName(values: FlagValues, notices: Notice[]): undefined {
  if (values.text("name") !== "default") return;
  notices.push({ level: "warn", message: DEFAULT_NAME, fields: { name: "default" } });
}

function checkTlsVersions(values: FlagValues): string | undefined {
  const min = values.text("tls-min-version");
  const max = values.text("tls-max-version");
  for (const version of [min, max]) {
    if (!TLS_VERSIONS.includes(version)) {
      return `unexpected TLS version ${goQuote(version)} (must be one of: TLS1.2, TLS1.3)`;
    }
  }
  if (max !== "" && min > max) {
    return `min version (${min}) is greater than max version (${max})`;
  }
  if (min === "TLS1.3" && values.list("cipher-suites").length > 0) {
    return "cipher suites cannot be configured when only TLS1.3 is enabled";
  }
  return undefined;
}

function checkUnsupported(values: FlagValues, notices: Notice[]): string | undefined {
  for (const flag of flags) {
    if (!values.isGiven(flag.name)) continue;
    if (flag.status === "unsupported" && values.differs(flag.name)) {
      return notBuilt(`--${flag.name}`, goQuote(flag.default));
    }
    if (flag.status === "ignored" && flag.deprecated === undefined) {
      notices.push(ignoredNotice(flag.name));
    }
  }
  for (const name of changedGates(values.gates())) {
    const gate = gates[name];
    if (gate.status === "unsupported") return notBuilt(`feature gate ${name}`, `${gate.default}`);
    notices.push({ level: "warn", message: "ignored feature gate", fields: { name } });
  }
  return undefined;
}

function notBuilt(what: string, initial: string): string {
  const advice = `leave it out, or at its default ${initial}`;
  return `${what} is not supported by this version of Kvorum: ${advice}`;
}

function ignoredNotice(name: FlagName): Notice {
  return { level: "warn", message: "flag has no effect and is ignored", fields: { flag: name } };
}
