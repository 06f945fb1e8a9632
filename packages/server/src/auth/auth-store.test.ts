import { authpb, raftinternalpb } from "@kvorum/api";
import { createMemoryEngine, MemoryDisk } from "@kvorum/backends";
import { SimulatedClock } from "@kvorum/base";
import { nodeClock } from "@kvorum/base/node";
import { BufferedBackend } from "@kvorum/mvcc";
import { beforeEach, describe, expect, test } from "vitest";
import { recordingLogger } from "../observe/testing/recording-logger.js";
import { AuthApplier } from "./auth-applier.js";
import { type AuthInfo, NOBODY } from "./auth-info.js";
import { AuthStore } from "./auth-store.js";
import { SimpleTokens } from "./tokens/simple-tokens.js";

type Request = Partial<raftinternalpb.InternalRaftRequest>;

const HASH = "$2a$04$0123456789012345678901";
const { READ } = authpb.Permission_Type;

let clock: SimulatedClock;
let disk: MemoryDisk;
let buffered: BufferedBackend;
let auth: AuthStore;
let applier: AuthApplier;

beforeEach(async () => {
  clock = new SimulatedClock();
  disk = new MemoryDisk();
  await open();
});

async function open(): Promise<void> {
  const backend = await createMemoryEngine({ disk }).open({ directory: "/test" });
  buffered = new BufferedBackend({
    ...{ backend, clock: nodeClock },
    onFault: (error) => {
      throw error;
    },
  });
  const tokens = new SimpleTokens({ clock, ttlMs: 1_000, appliedIndex: () => 100 });
  auth = await AuthStore.open(buffered, { tokens, logger: recordingLogger() });
  applier = new AuthApplier(auth, recordingLogger());
}

function apply(request: Request, who: AuthInfo = NOBODY) {
  const empty = raftinternalpb.InternalRaftRequest.decode(new Uint8Array());
  return applier.apply({ ...empty, ...request }, who, 50);
}

const addUser = (name: string) => {
  const hashedPassword = Buffer.from(HASH).toString("base64");
  return { authUserAdd: { name, password: "", options: undefined, hashedPassword } };
};
const grantRole = (user: string, role: string) => ({ authUserGrantRole: { user, role } });
const grant = (name: string, key: string, rangeEnd = "", permType = READ) => ({
  authRoleGrantPermission: {
    name,
    perm: { permType, key: Buffer.from(key), rangeEnd: Buffer.from(rangeEnd) },
  },
});
const range = (key: string) => ({ key: Buffer.from(key), rangeEnd: Buffer.alloc(0) });
const root = (): AuthInfo => ({ username: "root", revision: auth.revision });
const ann = (): AuthInfo => ({ username: "ann", revision: auth.revision });

/** root may do all, ann may read "a". */
function enable(): void {
  apply(addUser("root"));
  apply(grantRole("root", "root"));
  apply(addUser("ann"));
  apply({ authRoleAdd: { name: "reader" } });
  apply(grant("reader", "a"));
  apply(grantRole("ann", "reader"));
  apply({ authEnable: {} });
}

test("a new store begins at revision 1, and each change moves it", () => {
  expect(auth.revision).toBe(1);
  enable();
  expect(auth.revision).toBe(7);
  apply(grantRole("ann", "reader"), root());
  expect(auth.revision, "a role that ann has already").toBe(7);
  apply({ authDisable: {} }, root());
  apply({ authDisable: {} }, root());
  expect(auth.revision).toBe(8);
});

test("the records are etcd's, and are read again", async () => {
  enable();
  expect(hexOf("auth", "authEnabled")).toBe("01");
  expect(hexOf("auth", "authRevision")).toBe("0000000000000007");
  const user = `0a03616e6e121d${Buffer.from(HASH).toString("hex")}1a067265616465722200`;
  expect(hexOf("authUsers", "ann")).toBe(user);
  expect(hexOf("authRoles", "reader")).toBe("0a067265616465721203120161");
  await buffered.flush();
  await buffered.close();
  await open();
  expect(auth.isEnabled).toBe(true);
  expect(auth.revision).toBe(7);
  expect(auth.accessRefusal(ann(), "read", range("a"))).toBeUndefined();
  expect(auth.accessRefusal(ann(), "read", range("b"))).toBe("permissionDenied");
});

function hexOf(bucket: "auth" | "authUsers" | "authRoles", key: string): string | undefined {
  const value = buffered.get(bucket, Buffer.from(key));
  return value && Buffer.from(value).toString("hex");
}

test("another store takes the place of the present one at once", async () => {
  enable();
  const empty = await createMemoryEngine({ disk: new MemoryDisk() }).open({ directory: "/new" });
  const other = new BufferedBackend({ backend: empty, clock: nodeClock, onFault: () => {} });
  const take = await auth.prepare(other);
  expect(auth.isEnabled).toBe(true);
  take();
  expect(auth.isEnabled).toBe(false);
  expect(auth.revision).toBe(1);
  expect(auth.records.users()).toEqual([]);
});

describe("with authentication on", () => {
  beforeEach(enable);

  test("who says nothing, or something old, or is unknown is refused", () => {
    expect(auth.accessRefusal(NOBODY, "read", range("a"))).toBe("userEmpty");
    const old = { username: "root", revision: auth.revision - 1 };
    expect(auth.accessRefusal(old, "read", range("a"))).toBe("authOldRevision");
    const stranger = { username: "eve", revision: auth.revision };
    expect(auth.accessRefusal(stranger, "read", range("a"))).toBe("permissionDenied");
    expect(auth.accessRefusal(root(), "write", range("z"))).toBeUndefined();
    expect(auth.accessRefusal(ann(), "write", range("a"))).toBe("permissionDenied");
  });

  test("administration is root's, whatever revision it names", () => {
    expect(auth.adminRefusal(undefined)).toBe("userEmpty");
    expect(auth.adminRefusal(NOBODY)).toBe("userEmpty");
    expect(auth.adminRefusal({ username: "eve", revision: 9 })).toBe("userNotFound");
    expect(auth.adminRefusal(ann())).toBe("permissionDenied");
    expect(auth.adminRefusal({ username: "root", revision: 1 })).toBeUndefined();
    expect(() => apply(addUser("bob"), ann())).toThrow("etcdserver: permission denied");
    expect(() => apply({ authUserList: {} }, ann())).toThrow("etcdserver: permission denied");
  });

  test("users see themselves and their roles", () => {
    const seen = { answer: "names", names: ["reader"] };
    expect(apply({ authUserGet: { name: "ann" } }, ann())).toMatchObject(seen);
    expect(() => apply({ authUserGet: { name: "root" } }, ann())).toThrow("permission denied");
    expect(apply({ authRoleGet: { role: "reader" } }, ann())).toMatchObject({
      permissions: [{ key: Buffer.from("a") }],
    });
    expect(() => apply({ authRoleGet: { role: "x" } }, ann())).toThrow("permission denied");
    expect(() => apply({ authRoleGet: { role: "x" } }, root())).toThrow("role name not found");
  });

  test("root stays root", () => {
    const refused = "etcdserver: invalid auth management";
    expect(() => apply({ authUserDelete: { name: "root" } }, root())).toThrow(refused);
    expect(() => apply({ authRoleDelete: { role: "root" } }, root())).toThrow(refused);
    const revoke = { authUserRevokeRole: { name: "root", role: "root" } };
    expect(() => apply(revoke, root())).toThrow(refused);
    apply({ authDisable: {} }, root());
    apply(revoke);
    expect(() => apply({ authEnable: {} })).toThrow("root user does not have root role");
    apply({ authUserDelete: { name: "root" } });
    expect(() => apply({ authEnable: {} })).toThrow("root user does not exist");
  });

  test("a role that is deleted is taken from its users", () => {
    apply({ authRoleDelete: { role: "reader" } }, root());
    expect(auth.records.user("ann")?.roles).toEqual([]);
    expect(auth.accessRefusal(ann(), "read", range("a"))).toBe("permissionDenied");
  });

  test("a login makes a token of the entry before it, until the password changes", () => {
    const waiter = { cancelled: false };
    const holder = (token: string) => auth.holderOf(token, waiter);
    const login = { name: "ann", password: "", simpleToken: "abc" };
    expect(apply({ authenticate: login })).toMatchObject({ token: "abc.49" });
    expect(holder("abc.49")).toEqual({ username: "ann", revision: 7 });
    expect(holder("Bearer abc.49")).toMatchObject({ username: "ann" });
    const password = { name: "ann", password: "", hashedPassword: "" };
    apply({ authUserChangePassword: password }, root());
    expect(holder("abc.49")).toBeUndefined();
    apply({ authenticate: login });
    apply({ authDisable: {} }, root());
    apply({ authEnable: {} });
    expect(holder("abc.49")).toBeUndefined();
  });
});

describe("permissions of a role", () => {
  beforeEach(() => {
    apply({ authRoleAdd: { name: "r" } });
  });

  const held = () =>
    auth.records.role("r")?.keyPermission.map(({ key, rangeEnd, permType }) => {
      return `${Buffer.from(key)}-${Buffer.from(rangeEnd)}:${permType}`;
    });

  test("stand in the order of their keys; the same range is replaced", () => {
    apply(grant("r", "b", "c"));
    apply(grant("r", "a"));
    apply(grant("r", "b", "c", 2));
    expect(held()).toEqual(["a-:0", "b-c:2"]);
  });

  test("of several with one key only the first is looked at", () => {
    apply(grant("r", "b", "c"));
    apply(grant("r", "b", "d"));
    apply(grant("r", "b", "d", 1));
    expect(held()).toEqual(["b-c:0", "b-d:0", "b-d:1"]);
    const revoked = { role: "r", key: Buffer.from("b"), rangeEnd: Buffer.from("d") };
    apply({ authRoleRevokePermission: revoked });
    expect(held()).toEqual(["b-c:0"]);
    expect(() => apply({ authRoleRevokePermission: revoked })).toThrow(
      "permission is not granted to the role",
    );
  });

  test("are refused without a permission, a key, or a role, in this order", () => {
    const none = { authRoleGrantPermission: { name: "x", perm: undefined } };
    expect(() => apply(none)).toThrow("permission not given");
    expect(() => apply(grant("x", "b", "a"))).toThrow("invalid auth management");
    expect(() => apply(grant("x", "b", "c"))).toThrow("role name not found");
  });
});

test("a hash that is no base64 is refused, an empty one is kept", () => {
  const user = { name: "u", password: "", options: undefined, hashedPassword: "no base64" };
  expect(() => apply({ authUserAdd: user })).toThrow("password was given for no password user");
  apply({ authUserAdd: { ...user, hashedPassword: "" } });
  expect(auth.records.user("u")?.password).toHaveLength(0);
});
