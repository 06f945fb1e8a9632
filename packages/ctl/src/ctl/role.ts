import { prefixEnd } from "@kvorum/base";
import type { Access } from "@kvorum/client";
import { badArguments } from "../cli/ctl-error.js";
import { type FlagValues, flag } from "../cli/flags.js";
import type { Group } from "../cli/verb.js";
import { type CtlContext, ctlVerb } from "./context.js";
import { onlyName } from "./only-name.js";

const add = ctlVerb({
  name: "add",
  usage: "add <role name>",
  summary: "Adds a new role",
  flags: {},
  async run(context, { args }) {
    const name = onlyName("role", "add", args);
    const { auth } = await context.client();
    context.display.show("roleAdd", { name, response: await auth.roleAdd(name) });
  },
});

const del = ctlVerb({
  name: "delete",
  usage: "delete <role name>",
  summary: "Deletes a role",
  flags: {},
  async run(context, { args }) {
    const name = onlyName("role", "delete", args);
    const { auth } = await context.client();
    context.display.show("roleDelete", { name, response: await auth.roleDelete(name) });
  },
});

const get = ctlVerb({
  name: "get",
  usage: "get <role name>",
  summary: "Gets detailed information of a role",
  flags: {},
  async run(context, { args }) {
    const name = onlyName("role", "get", args);
    const { auth } = await context.client();
    context.display.show("roleGet", { name, response: await auth.roleGet(name) });
  },
});

const list = ctlVerb({
  name: "list",
  usage: "list",
  summary: "Lists all roles",
  flags: {},
  async run(context, { args }) {
    if (args.length > 0) throw badArguments("role list command requires no arguments");
    const { auth } = await context.client();
    context.display.show("roleList", await auth.roleList());
  },
});

const FROM_KEY =
  "a permission of keys that are greater than or equal to the given key using byte compare";

const grantFlags = {
  prefix: flag.bool("grant a prefix permission"),
  "from-key": flag.bool(`grant ${FROM_KEY}`),
};

const grantPermission = ctlVerb({
  name: "grant-permission",
  usage: "grant-permission [options] <role name> <permission type> <key> [endkey]",
  summary: "Grants a key to a role",
  flags: grantFlags,
  async run(context, { args, flags }) {
    const [name, type, ...keys] = args;
    if (name === undefined || type === undefined || keys.length === 0) {
      throw badArguments(
        "role grant command requires role name, permission type, and key [endkey] as its argument",
      );
    }
    const access = readAccess(type);
    const permission = { access, ...readRange(keys, flags) };
    const { auth } = await context.client();
    const response = await auth.roleGrantPermission(name, permission);
    context.display.show("roleGrantPermission", { name, response });
  },
});

const revokePermission = ctlVerb({
  name: "revoke-permission",
  usage: "revoke-permission <role name> <key> [endkey]",
  summary: "Revokes a key from a role",
  flags: {
    prefix: flag.bool("revoke a prefix permission"),
    "from-key": flag.bool(`revoke ${FROM_KEY}`),
  },
  async run(context, { args, flags }) {
    const [name, ...keys] = args;
    const [key] = keys;
    if (name === undefined || key === undefined) {
      throw badArguments(
        "role revoke-permission command requires role name and key [endkey] as its argument",
      );
    }
    const range = readRange(keys, flags);
    const { auth } = await context.client();
    const response = await auth.roleRevokePermission(name, range);
    const { rangeEnd } = range;
    context.display.show("roleRevokePermission", { name, key, rangeEnd, response });
  },
});

const ACCESSES: readonly string[] = ["read", "write", "readwrite"] satisfies Access[];

function readAccess(text: string): Access {
  const access = text.toLowerCase();
  if (!ACCESSES.includes(access)) throw badArguments(`invalid permission type: ${text}`);
  return access as Access;
}

interface WireRange {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

const ZERO = Buffer.from([0]);
const NO_BYTES = Buffer.alloc(0);

/** The keys as the wire has them: an empty end means the one key, "\0" no end. */
function readRange(
  [first = "", end]: readonly string[],
  { prefix, "from-key": fromKey }: FlagValues<typeof grantFlags>,
): WireRange {
  const key = Buffer.from(first);
  const isExclusive = prefix && fromKey && (key.length === 0 || end === undefined);
  if (isExclusive) throw badArguments("--from-key and --prefix flags are mutually exclusive");
  // An empty key stands for the least one; what else was named is not looked at.
  if (key.length === 0) return { key: ZERO, rangeEnd: prefix || fromKey ? ZERO : NO_BYTES };
  if (end !== undefined) {
    if (prefix) throw badArguments("unexpected endkey argument with --prefix flag");
    if (fromKey) throw badArguments("unexpected endkey argument with --from-key flag");
    return { key, rangeEnd: Buffer.from(end) };
  }
  if (prefix) return { key, rangeEnd: prefixEnd(key) };
  return { key, rangeEnd: fromKey ? ZERO : NO_BYTES };
}

export const role: Group<CtlContext> = {
  name: "role",
  summary: "Role related commands",
  verbs: [add, del, get, list, grantPermission, revokePermission],
};
