import { raftinternalpb } from "@kvorum/api";
import { expect, test } from "vitest";
import { refuseAuthEntry, refuseStoreWithAuth } from "./unsupported-auth.js";

const empty = raftinternalpb.InternalRaftRequest.decode(new Uint8Array());

test("a store with authentication enabled is refused, one without or with it off is not", () => {
  const store = (value: number[] | undefined) => () => value && Uint8Array.from(value);
  expect(() => refuseStoreWithAuth(store([1]), "x.etcd")).toThrow(/x\.etcd has authentication/);
  refuseStoreWithAuth(store([0]), "x.etcd");
  refuseStoreWithAuth(store(undefined), "x.etcd");
});

test("an entry that changes authentication ends the member, others don't", () => {
  expect(() => refuseAuthEntry({ ...empty, authEnable: {} })).toThrow(/authEnable/);
  const role = { name: "r" };
  expect(() => refuseAuthEntry({ ...empty, authRoleAdd: role })).toThrow(/authRoleAdd/);
  refuseAuthEntry({ ...empty, authStatus: {} });
  refuseAuthEntry({ ...empty, leaseRevoke: { ID: 1n } });
});
