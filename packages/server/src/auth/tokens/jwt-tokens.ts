import { apiError } from "@kvorum/api";
import type { Clock } from "@kvorum/base";
import type { Logger } from "../../observe/logger.js";
import type { AuthInfo } from "../auth-info.js";
import { authLimits } from "../limits.js";
import type { JwtOptions } from "./jwt-options.js";
import type { IssuedToken, Tokens } from "./tokens.js";

interface Verified {
  readonly info: AuthInfo;
  /** Unix time; Infinity: it never expires. */
  readonly expiresMs: number;
}

const MS_PER_SECOND = 1000;

/**
 * Signed tokens: whoever has the public key can check them, so no member needs to remember a login.
 * They say at which revision of the auth store their user logged in, and no longer count when that
 * has changed. A token's signature is checked once; what was found is remembered until it expires.
 */
export class JwtTokens implements Tokens {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #options: JwtOptions;
  readonly #verified = new Map<string, Verified>();

  constructor(options: JwtOptions, context: { readonly clock: Clock; readonly logger: Logger }) {
    this.#options = options;
    this.#clock = context.clock;
    this.#logger = context.logger;
  }

  newPrefix(): string {
    return "";
  }

  issue(login: { readonly username: string; readonly revision: number }): IssuedToken {
    const { signingKey, method, ttlMs } = this.#options;
    if (signingKey === undefined) throw apiError("tokenVerifyOnly");
    const { username, revision } = login;
    const expires = Math.floor((this.#clock.wallMs() + ttlMs) / MS_PER_SECOND);
    return async () => {
      const { SignJWT } = await loadJose();
      return new SignJWT({ exp: expires, revision, username })
        .setProtectedHeader({ alg: method, typ: "JWT" })
        .sign(signingKey);
    };
  }

  holder(token: string): AuthInfo | undefined | Promise<AuthInfo | undefined> {
    const known = this.#verified.get(token);
    if (known === undefined) return this.#verify(token);
    if (this.#clock.wallMs() < known.expiresMs) return known.info;
    this.#verified.delete(token);
    return undefined;
  }

  /** A signature can't be taken back. */
  forget(): void {}

  forgetAll(): void {}

  async #verify(token: string): Promise<AuthInfo | undefined> {
    const { verifyingKey, method } = this.#options;
    const { jwtVerify } = await loadJose();
    try {
      const { payload } = await jwtVerify(token, verifyingKey, {
        algorithms: [method],
        currentDate: new Date(this.#clock.wallMs()),
      });
      const { username, revision, exp } = payload;
      if (typeof username !== "string" || typeof revision !== "number") {
        this.#logger.warn("failed to obtain claims from a JWT token");
        return undefined;
      }
      const info = { username, revision: Math.trunc(revision) };
      const expiresMs = exp === undefined ? Number.POSITIVE_INFINITY : exp * MS_PER_SECOND;
      this.#remember(token, { info, expiresMs });
      return info;
    } catch (error) {
      this.#logger.warn("failed to parse a JWT token", { error: String(error) });
      return undefined;
    }
  }

  #remember(token: string, verified: Verified): void {
    if (this.#verified.size >= authLimits.jwtsRememberedMax) {
      const [oldest] = this.#verified.keys();
      this.#verified.delete(oldest!);
    }
    this.#verified.set(token, verified);
  }
}

/** Loaded with the first token: a start without any is 40 ms shorter. */
const loadJose = () => import("jose");
