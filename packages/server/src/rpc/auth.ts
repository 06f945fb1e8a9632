import {
  ApiError,
  apiError,
  apiErrorText,
  decodeMessage,
  etcdserverpb,
  type raftinternalpb,
} from "@kvorum/api";
import { assert, messageOf } from "@kvorum/base";
import { type Method, Status, type UnaryCall } from "@kvorum/grpc";
import type { AuthApplied } from "../auth/auth-applier.js";
import type { AuthInfo } from "../auth/auth-info.js";
import type { AuthStore } from "../auth/auth-store.js";
import { authLimits } from "../auth/limits.js";
import type { Passwords } from "../auth/passwords.js";
import type { ProposalOwner } from "../consensus/pending-proposals.js";
import type { ProposalIds } from "../consensus/proposal-ids.js";
import { proposeRequest } from "../consensus/propose-once.js";
import type { Proposer } from "../consensus/proposer.js";
import type { ReadIndexQueue } from "../consensus/read-index.js";
import type { Logger } from "../observe/logger.js";
import { failWith } from "./guard.js";
import type { Identities } from "./identities.js";
import { fail, type Replier } from "./reply.js";

const {
  AuthenticateRequest,
  AuthenticateResponse,
  AuthRoleGetResponse,
  AuthStatusResponse,
  AuthUserListResponse,
} = etcdserverpb;

type Request = Partial<raftinternalpb.InternalRaftRequest>;

export interface AuthServiceOptions {
  readonly auth: AuthStore;
  readonly identities: Identities;
  readonly passwords: Passwords;
  readonly proposer: Proposer;
  readonly ids: ProposalIds;
  readonly reads: ReadIndexQueue;
  readonly replier: Replier;
  readonly logger: Logger;
}

/**
 * etcdserverpb.Auth. Every call goes through the log, those that only look included; who may make it
 * is decided where it is applied. Passwords are hashed and compared here, so that none gets into the
 * log.
 */
export class AuthService {
  readonly #options: AuthServiceOptions;

  constructor(options: AuthServiceOptions) {
    this.#options = options;
  }

  methods(): [string, Method][] {
    const pb = etcdserverpb;
    const method = (
      name: string,
      request: (message: Buffer) => Request | Promise<Request>,
    ): [string, Method] => [
      `/etcdserverpb.Auth/${name}`,
      { kind: "unary", handle: (call, message) => this.#serve(call, request(message)) },
    ];
    return [
      method("AuthEnable", () => ({ authEnable: {} })),
      method("AuthDisable", () => ({ authDisable: {} })),
      method("AuthStatus", () => ({ authStatus: {} })),
      ["/etcdserverpb.Auth/Authenticate", { kind: "unary", handle: this.#authenticate }],
      method("UserAdd", (message) => this.#userAdd(message)),
      method("UserGet", (m) => ({ authUserGet: decodeMessage(pb.AuthUserGetRequest, m) })),
      method("UserList", () => ({ authUserList: {} })),
      method("UserDelete", (m) => ({ authUserDelete: decodeMessage(pb.AuthUserDeleteRequest, m) })),
      method("UserChangePassword", (message) => this.#changePassword(message)),
      method("UserGrantRole", (m) => ({
        authUserGrantRole: decodeMessage(pb.AuthUserGrantRoleRequest, m),
      })),
      method("UserRevokeRole", (m) => ({
        authUserRevokeRole: decodeMessage(pb.AuthUserRevokeRoleRequest, m),
      })),
      method("RoleAdd", (m) => ({
        authRoleAdd: fitting(decodeMessage(pb.AuthRoleAddRequest, m)),
      })),
      method("RoleGet", (m) => ({ authRoleGet: decodeMessage(pb.AuthRoleGetRequest, m) })),
      method("RoleList", () => ({ authRoleList: {} })),
      method("RoleDelete", (m) => ({ authRoleDelete: decodeMessage(pb.AuthRoleDeleteRequest, m) })),
      method("RoleGrantPermission", (m) => ({
        authRoleGrantPermission: decodeMessage(pb.AuthRoleGrantPermissionRequest, m),
      })),
      method("RoleRevokePermission", (m) => ({
        authRoleRevokePermission: decodeMessage(pb.AuthRoleRevokePermissionRequest, m),
      })),
    ];
  }

  #serve(call: UnaryCall, request: Request | Promise<Request>): void {
    const propose = (ready: Request) =>
      this.#options.identities.identify(call, (who) =>
        this.#propose(call, { request: ready, who }, (applied) => this.#respond(call, applied)),
      );
    if (!(request instanceof Promise)) propose(request);
    else request.then(propose).catch((error: unknown) => failWith(call, error));
  }

  #propose(
    call: UnaryCall,
    { request, who }: { readonly request: Request; readonly who: AuthInfo | undefined },
    onApplied: (applied: AuthApplied) => void,
  ): void {
    const owner: ProposalOwner = {
      applied(response) {
        assert(response.kind === "auth", `a call about users answers itself, not ${response.kind}`);
        onApplied(response);
      },
      failed: (error) => fail(call, error),
    };
    proposeRequest(this.#options, request, owner, who);
  }

  #respond(call: UnaryCall, applied: AuthApplied): void {
    const { replier } = this.#options;
    call.respond(replier.withHeader(bodyOf(applied)));
  }

  async #userAdd(message: Buffer): Promise<Request> {
    const request = fitting(decodeMessage(etcdserverpb.AuthUserAddRequest, message));
    if (request.options?.noPassword) return { authUserAdd: request };
    const hashedPassword = await this.#hash(request.password);
    return { authUserAdd: { ...request, password: "", hashedPassword } };
  }

  /** An empty password leaves what the client hashed itself. */
  async #changePassword(message: Buffer): Promise<Request> {
    const request = decodeMessage(etcdserverpb.AuthUserChangePasswordRequest, message);
    if (request.password === "") return { authUserChangePassword: request };
    const hashedPassword = await this.#hash(request.password);
    return { authUserChangePassword: { ...request, password: "", hashedPassword } };
  }

  async #hash(password: string): Promise<string> {
    const hash = await this.#options.passwords.hash(password);
    return Buffer.from(hash, "latin1").toString("base64");
  }

  #authenticate = (call: UnaryCall, message: Buffer): void => {
    const request = decodeMessage(AuthenticateRequest, message);
    this.#options.reads.wait({
      ready: () => this.#logIn(call, request),
      failed: (error) => fail(call, error),
    });
  };

  /**
   * The password is compared here and not where the login is applied, so it has to be compared again
   * when users changed in between.
   */
  #logIn(call: UnaryCall, request: etcdserverpb.AuthenticateRequest): void {
    if (call.cancelled) return;
    const { auth } = this.#options;
    const login = { name: request.name, password: "", simpleToken: auth.tokens.newPrefix() };
    this.#check(request)
      .then((checkedRevision) =>
        this.#propose(call, { request: { authenticate: login }, who: undefined }, (applied) => {
          if (auth.revision === checkedRevision) this.#respondToken(call, applied);
          else this.#logIn(call, request);
        }),
      )
      .catch((error: unknown) => {
        this.#logRefusal(request.name, error);
        failWith(call, error);
      });
  }

  /** Resolves to the revision of the auth store at which the password was right. @throws ApiError */
  async #check({ name, password }: etcdserverpb.AuthenticateRequest): Promise<number> {
    const { auth, passwords } = this.#options;
    if (!auth.isEnabled) throw apiError("authNotEnabled");
    const user = auth.records.user(name);
    const { revision } = auth;
    if (user === undefined) throw apiError("authFailed");
    if (user.options?.noPassword) throw apiError("noPasswordUser");
    if (!(await passwords.matches(password, user.password))) throw apiError("authFailed");
    return revision;
  }

  /** A signed token takes its time; its header is that of the time when the login was applied. */
  #respondToken(call: UnaryCall, applied: AuthApplied): void {
    assert(applied.answer === "token", `a login answers with a token, not ${applied.answer}`);
    const { replier } = this.#options;
    const revision = replier.currentRevision();
    const respond = (token: string) => {
      const body = AuthenticateResponse.encode({ header: undefined, token }).finish();
      call.respond(replier.withHeader(body, revision));
    };
    if (typeof applied.token === "string") respond(applied.token);
    else applied.token().then(respond, (error: unknown) => failWith(call, unknownError(error)));
  }

  #logRefusal(user: string, error: unknown): void {
    if (error instanceof ApiError && error.message === apiErrorText("authNotEnabled")) return;
    this.#options.logger.warn("invalid authentication was requested", {
      user,
      error: messageOf(error),
    });
  }
}

/** The response without its header. */
function bodyOf(applied: AuthApplied): Uint8Array {
  switch (applied.answer) {
    case "status": {
      const { isEnabled: enabled, revision: authRevision } = applied;
      return AuthStatusResponse.encode({ header: undefined, enabled, authRevision }).finish();
    }
    case "names":
      // Users, roles, and the roles of a user stand in the same field.
      return AuthUserListResponse.encode({ header: undefined, users: [...applied.names] }).finish();
    case "permissions":
      return AuthRoleGetResponse.encode({
        header: undefined,
        perm: [...applied.permissions],
      }).finish();
    default:
      return new Uint8Array(0);
  }
}

/** A name that no engine can hold as a key would end the members that apply it. */
function fitting<Named extends { readonly name: string }>(request: Named): Named {
  if (Buffer.byteLength(request.name) > authLimits.nameBytesMax) throw apiError("requestTooLarge");
  return request;
}

function unknownError(error: unknown): ApiError {
  return new ApiError(Status.UNKNOWN, messageOf(error), { cause: error });
}
