import { authpb } from "@kvorum/api";
import { prefixEnd } from "@kvorum/base";
import type { Permission } from "@kvorum/client";
import type { Formatter, Printer } from "./formatter.js";

const { Permission_Type: PermissionType } = authpb;

/** Users and roles in `-w simple`. */
export const simpleAuth: Formatter = {
  authStatus: ({ enabled, authRevision }, { line }) => {
    line(`Authentication Status: ${enabled}`);
    line(`AuthRevision: ${authRevision}`);
  },
  userAdd: ({ name }, { line }) => line(`User ${name} created`),
  userDelete: ({ name }, { line }) => line(`User ${name} deleted`),
  userGet: ({ name, response: { roles } }, { line }) => {
    line(`User: ${name}`);
    line(["Roles:", ...roles].join(" "));
  },
  userList: ({ users }, { line }) => {
    for (const user of users) line(user);
  },
  userPasswd: (_response, { line }) => line("Password updated"),
  userGrantRole: ({ user, role }, { line }) => line(`Role ${role} is granted to user ${user}`),
  userRevokeRole: ({ user, role }, { line }) => line(`Role ${role} is revoked from user ${user}`),
  roleAdd: ({ name }, { line }) => line(`Role ${name} created`),
  roleDelete: ({ name }, { line }) => line(`Role ${name} deleted`),
  roleGet: ({ name, response: { perm } }, printer) => {
    printer.line(`Role ${name}`);
    printer.line("KV Read:");
    showPermissions(perm, PermissionType.READ, printer);
    printer.line("KV Write:");
    showPermissions(perm, PermissionType.WRITE, printer);
  },
  roleList: ({ roles }, { line }) => {
    for (const role of roles) line(role);
  },
  roleGrantPermission: ({ name }, { line }) => line(`Role ${name} updated`),
  roleRevokePermission: ({ name, key, rangeEnd }, { line }) => {
    const range = Buffer.from(rangeText(Buffer.from(key), rangeEnd), "latin1").toString("utf8");
    const what = rangeEnd.length === 0 ? `key ${key}` : `range ${range}`;
    line(`Permission of ${what} is revoked from role ${name}`);
  },
};

function showPermissions(
  permissions: readonly Permission[],
  type: authpb.Permission_Type,
  { out }: Printer,
): void {
  for (const { permType, key, rangeEnd } of permissions) {
    if (permType !== type && permType !== PermissionType.READWRITE) continue;
    out.write("\t");
    // Keys are bytes, and go out as they are.
    if (rangeEnd.length === 0) out.write(key);
    else {
      out.write(Buffer.from(rangeText(key, rangeEnd), "latin1"));
      const isPrefix = key.length > 0 && Buffer.compare(prefixEnd(key), rangeEnd) === 0;
      if (isPrefix) out.write(Buffer.concat([Buffer.from(" (prefix "), key, Buffer.from(")")]));
    }
    out.write("\n");
  }
}

/** One character a byte. */
function rangeText(key: Uint8Array, rangeEnd: Uint8Array): string {
  const [from, to] = [key, rangeEnd].map((bytes) => Buffer.from(bytes).toString("latin1"));
  return to === "\0" ? `[${from}, <open ended>` : `[${from}, ${to})`;
}
