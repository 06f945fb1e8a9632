import type { AuthInfo } from "../auth-info.js";

/** What a login is given: at once, or when it is signed. */
export type IssuedToken = string | (() => Promise<string>);

/** Someone who waits for an answer, and may go. */
export interface Waiter {
  readonly cancelled: boolean;
}

/**
 * Tokens stand for a user who gave a password. Each member has its own: what it knows of them is
 * never replicated state. The counterpart of etcd's TokenProvider.
 */
export interface Tokens {
  /** What a login's entry has to carry, so that all members make the same token; may be empty. */
  newPrefix(): string;

  /**
   * A login was applied.
   * @param login.index of the entry before the login's
   * @throws ApiError no token can be made
   */
  issue(login: {
    readonly username: string;
    readonly revision: number;
    readonly prefix: string;
    readonly index: number;
  }): IssuedToken;

  /**
   * Whom `token` stands for; undefined: nobody.
   * @param revision the present one of the auth store
   */
  holder(
    token: string,
    revision: () => number,
    waiter: Waiter,
  ): AuthInfo | undefined | Promise<AuthInfo | undefined>;

  /** The user's tokens are no longer valid: deleted, or with another password. */
  forget(username: string): void;

  /** Authentication was turned off. */
  forgetAll(): void;
}
