import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestNode, type TestNode } from "../test-node.js";
import { type Ran, type RunOptions, run } from "../test-support.js";
import { kvorumctl } from "./kvorumctl-tool.js";

let node: TestNode;

beforeAll(async () => {
  node = await startTestNode();
});

afterAll(async () => {
  await node?.stop();
});

function ctl(words: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return run(
    kvorumctl,
    [`--endpoints=${node.endpoint}`, "--dial-timeout=20s", "--command-timeout=20s", ...words],
    options,
  );
}

/** Standard output of a command that must succeed. */
async function out(...words: string[]): Promise<string> {
  const ran = await ctl(words);
  expect(ran).toMatchObject({ code: 0, err: "" });
  return ran.out;
}

/** What a command says that must fail. */
async function err(code: number, ...words: string[]): Promise<string> {
  const ran = await ctl(words);
  expect(ran).toMatchObject({ code, out: "" });
  return ran.err;
}

test("users are added in each way, and deleted", async () => {
  expect(await out("user", "add", "ann:secret")).toBe("User ann created\n");
  expect(await out("user", "add", "bob", "--new-user-password=b")).toBe("User bob created\n");
  expect(await out("user", "add", "cert", "--no-password")).toBe("User cert created\n");
  const asked = await ctl(["user", "add", "dan", "--interactive=false"], { stdin: "dan's pw\n" });
  expect(asked.out).toBe("User dan created\n");
  expect(await out("user", "list")).toBe("ann\nbob\ncert\ndan\n");
  expect(await out("user", "delete", "dan")).toBe("User dan deleted\n");
  expect(await err(1, "user", "add", "ann:again")).toBe(
    "Error: etcdserver: user name already exists\n",
  );
  expect(await err(128, "user", "add", ":x")).toBe("Error: empty user name is not allowed\n");
  expect(await err(128, "user", "add", "eve")).toBe("Error: empty password\n");
  const changed = await ctl(["user", "passwd", "bob", "--interactive=false"], { stdin: "new" });
  expect(changed.out).toBe("Password updated\n");
});

test("roles are given permissions on keys, ranges and prefixes", async () => {
  expect(await out("role", "add", "reader")).toBe("Role reader created\n");
  const grant = ["role", "grant-permission", "reader"];
  expect(await out(...grant, "read", "a")).toBe("Role reader updated\n");
  await out(...grant, "READWRITE", "b", "c");
  await out(...grant, "write", "p/", "--prefix");
  await out(...grant, "read", "z", "--from-key");
  await out(...grant, "write", "", "--prefix");
  const all = "\t[\0, <open ended>\n";
  expect(await out("role", "get", "reader")).toBe(
    "Role reader\nKV Read:\n\ta\n\t[b, c) (prefix b)\n\t[z, <open ended>\n" +
      `KV Write:\n${all}\t[b, c) (prefix b)\n\t[p/, p0) (prefix p/)\n`,
  );
  const { perm } = JSON.parse(await out("role", "get", "reader", "-w", "json"));
  expect(perm[1]).toEqual({ key: "YQ==" });
  expect(perm[2]).toEqual({ permType: 2, key: "Yg==", range_end: "Yw==" });
  expect(await out("role", "get", "reader", "-w", "fields")).toContain(
    '"PermType" :  READWRITE\n"Key" : "b"\n"RangeEnd" : "c"\n',
  );
  const revoke = ["role", "revoke-permission", "reader"];
  expect(await out(...revoke, "a")).toBe("Permission of key a is revoked from role reader\n");
  expect(await out(...revoke, "b", "c")).toBe(
    "Permission of range [b, c) is revoked from role reader\n",
  );
  expect(await out(...revoke, "z", "--from-key")).toBe(
    "Permission of range [z, <open ended> is revoked from role reader\n",
  );
  expect(await err(128, ...grant, "own", "a")).toBe("Error: invalid permission type: own\n");
  expect(await err(128, ...grant, "read", "a", "b", "--prefix")).toBe(
    "Error: unexpected endkey argument with --prefix flag\n",
  );
});

test("with authentication on, a user needs a password and a role", async () => {
  await out("put", "p/1", "v");
  await out("user", "grant-role", "ann", "reader");
  expect(await out("user", "get", "ann")).toBe("User: ann\nRoles: reader\n");
  expect(await out("user", "get", "ann", "--detail")).toMatch(
    /^User: ann\n\nRole reader\nKV Read:/,
  );
  expect(await err(1, "auth", "enable")).toBe("Error: etcdserver: root user does not exist\n");
  await out("user", "add", "root:r");
  expect(await out("auth", "enable")).toBe("Authentication Enabled\n");
  const status = /^Authentication Status: true\nAuthRevision: \d+\n$/;
  expect(await out("auth", "status")).toMatch(status);
  expect(await err(1, "get", "p/1")).toBe("Error: etcdserver: user name is empty\n");
  expect(await out("--user=ann:secret", "put", "p/1", "w")).toBe("OK\n");
  expect(await out("--user=root", "--password=r", "get", "p/1")).toBe("p/1\nw\n");
  const denied = "Error: etcdserver: permission denied\n";
  expect(await err(1, "--user=ann:secret", "get", "p/1")).toBe(denied);
  expect(await err(1, "--user=ann:secret", "role", "list")).toBe(denied);
  const failed = "Error: etcdserver: authentication failed, invalid user ID or password\n";
  expect(await err(2, "--user=ann:wrong", "get", "p/1")).toBe(failed);
  expect(await out("--user=root:r", "user", "revoke-role", "ann", "reader")).toBe(
    "Role reader is revoked from user ann\n",
  );
  expect(await err(1, "--user=ann:secret", "put", "p/1", "x")).toBe(denied);
  expect(await out("--user=root:r", "role", "delete", "reader")).toBe("Role reader deleted\n");
  expect(await out("--user=root:r", "auth", "disable")).toBe("Authentication Disabled\n");
  expect(await out("get", "p/1")).toBe("p/1\nw\n");
});
