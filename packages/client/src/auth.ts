import { authpb, etcdserverpb } from "@kvorum/api";
import type { CallOptions } from "./client-options.js";
import { method } from "./method.js";
import { type Bytes, type KeyRange, keyRange } from "./ops.js";
import {
  type AuthResponse,
  type AuthStatusResponse,
  type RoleGetResponse,
  type RoleListResponse,
  received,
  type UserGetResponse,
  type UserListResponse,
} from "./responses.js";
import type { Transport } from "./transport.js";

const { AuthDefinition } = etcdserverpb;
const { methods } = AuthDefinition;
const ENABLE = method(AuthDefinition, methods.authEnable);
const DISABLE = method(AuthDefinition, methods.authDisable);
const STATUS = method(AuthDefinition, methods.authStatus);
const USER_ADD = method(AuthDefinition, methods.userAdd);
const USER_GET = method(AuthDefinition, methods.userGet);
const USER_LIST = method(AuthDefinition, methods.userList);
const USER_DELETE = method(AuthDefinition, methods.userDelete);
const USER_CHANGE_PASSWORD = method(AuthDefinition, methods.userChangePassword);
const USER_GRANT_ROLE = method(AuthDefinition, methods.userGrantRole);
const USER_REVOKE_ROLE = method(AuthDefinition, methods.userRevokeRole);
const ROLE_ADD = method(AuthDefinition, methods.roleAdd);
const ROLE_GET = method(AuthDefinition, methods.roleGet);
const ROLE_LIST = method(AuthDefinition, methods.roleList);
const ROLE_DELETE = method(AuthDefinition, methods.roleDelete);
const ROLE_GRANT_PERMISSION = method(AuthDefinition, methods.roleGrantPermission);
const ROLE_REVOKE_PERMISSION = method(AuthDefinition, methods.roleRevokePermission);

/** What a role may do with keys. */
export type Access = "read" | "write" | "readwrite";

const PERMISSION_TYPES = {
  read: authpb.Permission_Type.READ,
  write: authpb.Permission_Type.WRITE,
  readwrite: authpb.Permission_Type.READWRITE,
} as const;

/**
 * Users, their roles, and whether requests need a user. Every call throws ClientError. The
 * counterpart of clientv3's Auth.
 */
export class Auth {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Needs a user "root" with the role "root". From now on every request needs a user. */
  async enable(options: CallOptions = {}): Promise<AuthResponse> {
    return received(await this.#transport.unary(ENABLE, {}, "write", options));
  }

  /** Anybody may do anything again; users and roles stay. */
  async disable(options: CallOptions = {}): Promise<AuthResponse> {
    return received(await this.#transport.unary(DISABLE, {}, "write", options));
  }

  async status(options: CallOptions = {}): Promise<AuthStatusResponse> {
    return received(await this.#transport.unary(STATUS, {}, "read", options));
  }

  /** @param password undefined: the user comes with a certificate of that common name only */
  async userAdd(
    name: string,
    password: string | undefined,
    options: CallOptions = {},
  ): Promise<AuthResponse> {
    const noPassword = password === undefined;
    const request = { name, password: password ?? "", options: { noPassword }, hashedPassword: "" };
    return received(await this.#transport.unary(USER_ADD, request, "write", options));
  }

  /** The user's roles. Users may ask for themselves. */
  async userGet(name: string, options: CallOptions = {}): Promise<UserGetResponse> {
    return received(await this.#transport.unary(USER_GET, { name }, "read", options));
  }

  async userList(options: CallOptions = {}): Promise<UserListResponse> {
    return received(await this.#transport.unary(USER_LIST, {}, "read", options));
  }

  async userDelete(name: string, options: CallOptions = {}): Promise<AuthResponse> {
    return received(await this.#transport.unary(USER_DELETE, { name }, "write", options));
  }

  /** The user's tokens are no longer valid. */
  async userChangePassword(
    name: string,
    password: string,
    options: CallOptions = {},
  ): Promise<AuthResponse> {
    const request = { name, password, hashedPassword: "" };
    return received(await this.#transport.unary(USER_CHANGE_PASSWORD, request, "write", options));
  }

  async userGrantRole(
    user: string,
    role: string,
    options: CallOptions = {},
  ): Promise<AuthResponse> {
    return received(await this.#transport.unary(USER_GRANT_ROLE, { user, role }, "write", options));
  }

  async userRevokeRole(
    name: string,
    role: string,
    options: CallOptions = {},
  ): Promise<AuthResponse> {
    const request = { name, role };
    return received(await this.#transport.unary(USER_REVOKE_ROLE, request, "write", options));
  }

  async roleAdd(name: string, options: CallOptions = {}): Promise<AuthResponse> {
    return received(await this.#transport.unary(ROLE_ADD, { name }, "write", options));
  }

  /** The role's permissions. Users may ask for their own roles. */
  async roleGet(role: string, options: CallOptions = {}): Promise<RoleGetResponse> {
    return received(await this.#transport.unary(ROLE_GET, { role }, "read", options));
  }

  async roleList(options: CallOptions = {}): Promise<RoleListResponse> {
    return received(await this.#transport.unary(ROLE_LIST, {}, "read", options));
  }

  /** Users lose it, too. */
  async roleDelete(role: string, options: CallOptions = {}): Promise<AuthResponse> {
    return received(await this.#transport.unary(ROLE_DELETE, { role }, "write", options));
  }

  /** Lets the role's users access a key or a range of keys. */
  async roleGrantPermission(
    name: string,
    permission: { readonly access: Access; readonly key: Bytes } & KeyRange,
    options: CallOptions = {},
  ): Promise<AuthResponse> {
    const permType = PERMISSION_TYPES[permission.access];
    const perm = { permType, ...keyRange(permission.key, permission) };
    const request = { name, perm };
    return received(await this.#transport.unary(ROLE_GRANT_PERMISSION, request, "write", options));
  }

  /** Takes back what was granted for exactly this key or range. */
  async roleRevokePermission(
    role: string,
    permission: { readonly key: Bytes } & KeyRange,
    options: CallOptions = {},
  ): Promise<AuthResponse> {
    const request = { role, ...keyRange(permission.key, permission) };
    return received(await this.#transport.unary(ROLE_REVOKE_PERMISSION, request, "write", options));
  }
}
