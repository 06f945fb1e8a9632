import { badArguments } from "../cli/ctl-error.js";
import { flag } from "../cli/flags.js";
import { type Io, readAll } from "../cli/io.js";
import type { Group } from "../cli/verb.js";
import { type CtlContext, ctlVerb } from "./context.js";
import { onlyName } from "./only-name.js";

const add = ctlVerb({
  name: "add",
  usage: "add <user name or user:password> [options]",
  summary: "Adds a new user",
  flags: {
    interactive: flag.bool("Read password from stdin instead of interactive terminal", true),
    "new-user-password": flag.string("Supply password from the command line flag"),
    "no-password": flag.bool("Create a user without password (CN based auth only)"),
  },
  async run(context, { args, flags }) {
    const word = onlyName("user", "add", args);
    const { name, password } = await readUser(word, context.io, {
      isInteractive: flags.interactive,
      given: flags["new-user-password"],
      hasNone: flags["no-password"],
    });
    const { auth } = await context.client();
    const response = await auth.userAdd(name, password);
    context.display.show("userAdd", { name, response });
  },
});

async function readUser(
  word: string,
  io: Io,
  options: {
    readonly isInteractive: boolean;
    readonly given: string;
    readonly hasNone: boolean;
  },
): Promise<{ readonly name: string; readonly password: string | undefined }> {
  if (options.hasNone) return { name: word, password: undefined };
  if (options.given !== "") return { name: word, password: options.given };
  const colon = word.indexOf(":");
  if (colon === 0) throw badArguments("empty user name is not allowed");
  if (colon > 0) return { name: word.slice(0, colon), password: word.slice(colon + 1) };
  return { name: word, password: await readPassword(word, io, options.isInteractive) };
}

async function readPassword(name: string, io: Io, isInteractive: boolean): Promise<string> {
  if (!isInteractive) return firstWord((await readAll(io.stdin)).toString());
  const password = await io.askSecret(`Password of ${name}: `);
  if (password === "") throw badArguments("empty password");
  const again = await io.askSecret(`Type password of ${name} again for confirmation: `);
  if (password !== again) throw badArguments("given passwords are different");
  return password;
}

/** Of the first line, as Go's Scanf reads it. */
function firstWord(text: string): string {
  return /^[^\S\n]*([^\s]*)/.exec(text)![1]!;
}

const del = ctlVerb({
  name: "delete",
  usage: "delete <user name>",
  summary: "Deletes a user",
  flags: {},
  async run(context, { args }) {
    const name = onlyName("user", "delete", args);
    const { auth } = await context.client();
    context.display.show("userDelete", { name, response: await auth.userDelete(name) });
  },
});

const get = ctlVerb({
  name: "get",
  usage: "get <user name> [options]",
  summary: "Gets detailed information of a user",
  flags: { detail: flag.bool("Show permissions of roles granted to the user") },
  async run(context, { args, flags }) {
    const name = onlyName("user", "get", args);
    const { auth } = await context.client();
    const { display, io } = context;
    const response = await auth.userGet(name);
    if (!flags.detail) {
      display.show("userGet", { name, response });
      return;
    }
    io.stdout.write(`User: ${name}\n`);
    for (const role of response.roles) {
      io.stdout.write("\n");
      display.show("roleGet", { name: role, response: await auth.roleGet(role) });
    }
  },
});

const list = ctlVerb({
  name: "list",
  usage: "list",
  summary: "Lists all users",
  flags: {},
  async run(context, { args }) {
    if (args.length > 0) throw badArguments("user list command requires no arguments");
    const { auth } = await context.client();
    context.display.show("userList", await auth.userList());
  },
});

const passwd = ctlVerb({
  name: "passwd",
  usage: "passwd <user name> [options]",
  summary: "Changes password of user",
  flags: {
    interactive: flag.bool(
      "If true, read password from stdin instead of interactive terminal",
      true,
    ),
  },
  async run(context, { args, flags }) {
    const name = onlyName("user", "passwd", args);
    const password = await readPassword(name, context.io, flags.interactive);
    const { auth } = await context.client();
    context.display.show("userPasswd", await auth.userChangePassword(name, password));
  },
});

const grantRole = ctlVerb({
  name: "grant-role",
  usage: "grant-role <user name> <role name>",
  summary: "Grants a role to a user",
  flags: {},
  async run(context, { args }) {
    const [user, role] = args;
    if (user === undefined || role === undefined || args.length > 2) {
      throw badArguments("user grant command requires user name and role name as its argument");
    }
    const { auth } = await context.client();
    const response = await auth.userGrantRole(user, role);
    context.display.show("userGrantRole", { user, role, response });
  },
});

const revokeRole = ctlVerb({
  name: "revoke-role",
  usage: "revoke-role <user name> <role name>",
  summary: "Revokes a role from a user",
  flags: {},
  async run(context, { args }) {
    const [user, role] = args;
    if (user === undefined || role === undefined || args.length > 2) {
      throw badArguments("user revoke-role requires user name and role name as its argument");
    }
    const { auth } = await context.client();
    const response = await auth.userRevokeRole(user, role);
    context.display.show("userRevokeRole", { user, role, response });
  },
});

export const user: Group<CtlContext> = {
  name: "user",
  summary: "User related commands",
  verbs: [add, del, get, list, passwd, grantRole, revokeRole],
};
