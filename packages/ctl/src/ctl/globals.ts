import { flag } from "../cli/flags.js";

/** The flags that every verb of kvorumctl takes; etcdctl's, with its defaults. */
export const globals = {
  endpoints: flag.strings("gRPC endpoints", ["127.0.0.1:2379"]),
  debug: flag.bool("enable client-side debug logging"),
  "write-out": flag.string(
    "set the output format (fields, json, protobuf, simple, table)",
    "simple",
    { shorthand: "w" },
  ),
  hex: flag.bool("print byte strings as hex encoded strings"),
  "dial-timeout": flag.duration("dial timeout for client connections", 2_000),
  "command-timeout": flag.duration(
    "timeout for short running command (excluding dial timeout)",
    5_000,
  ),
  "keepalive-time": flag.duration("keepalive time for client connections", 2_000),
  "keepalive-timeout": flag.duration("keepalive timeout for client connections", 6_000),
  "max-request-bytes": flag.int("client-side request send limit in bytes (0 means 2 MiB)"),
  "max-recv-bytes": flag.int("client-side response receive limit in bytes (0 means none)"),
  "insecure-transport": flag.bool("disable transport security for client connections", true),
  "insecure-discovery": flag.bool("accept insecure SRV records describing cluster endpoints", true),
  "insecure-skip-tls-verify": flag.bool("skip server certificate verification (for tests only)"),
  cert: flag.string("identify secure client using this TLS certificate file"),
  key: flag.string("identify secure client using this TLS key file"),
  cacert: flag.string("verify certificates of TLS-enabled secure servers using this CA bundle"),
  "auth-jwt-token": flag.string("JWT token used for authentication"),
  user: flag.string("username[:password] for authentication (prompt if no password is given)"),
  password: flag.string("password for authentication"),
  "discovery-srv": flag.string(
    "domain name to query for SRV records describing cluster endpoints",
    "",
    { shorthand: "d" },
  ),
  "discovery-srv-name": flag.string("service name to query when using DNS discovery"),
} as const;
