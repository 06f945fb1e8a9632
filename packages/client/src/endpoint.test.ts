import { expect, test } from "vitest";
import { parseEndpoint } from "./endpoint.js";

test.each([
  ["127.0.0.1:2379", "127.0.0.1:2379", "if-configured"],
  ["http://a.example:2379", "a.example:2379", "never"],
  ["https://a.example:2379/", "a.example:2379", "require"],
  ["https://[::1]:2379", "[::1]:2379", "require"],
  ["unix:///run/etcd.sock", "unix:/run/etcd.sock", "if-configured"],
  ["unixs:///run/etcd.sock:0", "unix:/run/etcd.sock:0", "require"],
  ["unix://local.sock", "unix:local.sock", "if-configured"],
])("%s is reached at %s, TLS %s", (text, target, tls) => {
  expect(parseEndpoint(text)).toMatchObject({ text, target, tls });
});
