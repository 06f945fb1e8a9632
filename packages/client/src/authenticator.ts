import { etcdserverpb } from "@kvorum/api";
import { asClientError, type ClientError } from "./client-error.js";
import type { AuthOptions } from "./client-options.js";
import { type Method, method } from "./method.js";

const { AuthDefinition } = etcdserverpb;
const AUTHENTICATE = method(AuthDefinition, AuthDefinition.methods.authenticate);

type Send = <Request, Response>(
  method: Method<Request, Response>,
  request: Request,
) => Promise<Response>;

/** Holds the token of the user, fetched once and again when the server calls it stale. */
export class Authenticator {
  readonly #auth: AuthOptions | undefined;
  #token: Promise<string | undefined> | undefined;

  constructor(auth: AuthOptions | undefined) {
    this.#auth = auth;
  }

  /** The token to send along; undefined when there is no user or the store has no users enabled. */
  token(send: Send): Promise<string | undefined> {
    const auth = this.#auth;
    if (auth === undefined) return NO_TOKEN;
    if ("token" in auth) return Promise.resolve(auth.token);
    if (this.#token !== undefined) {
      return this.#token.catch((error: unknown) => {
        if (!endedByCaller(error)) throw error;
        return this.token(send);
      });
    }
    const fetched = this.#fetch(auth.username, auth.password, send);
    this.#token = fetched;
    fetched.catch(() => {
      if (this.#token === fetched) this.#token = undefined;
    });
    return fetched;
  }

  /** The next request fetches a new token. */
  forget(): void {
    this.#token = undefined;
  }

  /** Whether a new token may help: it expired, or the users were changed since. */
  isStale(error: ClientError): boolean {
    if (this.#auth === undefined || "token" in this.#auth) return false;
    return (
      error.message === "etcdserver: invalid auth token" ||
      error.message === "etcdserver: revision of auth store is old"
    );
  }

  async #fetch(name: string, password: string, send: Send): Promise<string | undefined> {
    try {
      return (await send(AUTHENTICATE, { name, password })).token;
    } catch (error) {
      // A store without users takes any; clientv3 goes on without a token as well.
      const text = error instanceof Error ? error.message : "";
      if (text.includes("etcdserver: authentication is not enabled")) return undefined;
      throw error;
    }
  }
}

/** Of the call for which a token was fetched: who waited for the same token fetches another. */
function endedByCaller(error: unknown): boolean {
  const { code } = asClientError(error);
  return code === "CANCELLED" || code === "DEADLINE_EXCEEDED";
}

const NO_TOKEN = Promise.resolve(undefined);
