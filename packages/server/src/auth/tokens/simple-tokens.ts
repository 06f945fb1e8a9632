import { randomInt } from "node:crypto";
import type { Clock, LogIndex, Timer } from "@kvorum/base";
import type { AuthInfo } from "../auth-info.js";
import { authLimits } from "../limits.js";
import type { Tokens, Waiter } from "./tokens.js";

interface Held {
  readonly username: string;
  expiresMs: number;
}

interface Waiting {
  readonly index: LogIndex;
  readonly waiter: Waiter;
  readonly resolve: () => void;
}

const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/**
 * Tokens that nobody can guess, kept in memory: 16 letters, a dot, and the index of the entry before
 * the login's. Every member makes the same token when it applies the login; a member that is not so
 * far makes the call wait until it is. A token lives as long as it is used on this member.
 */
export class SimpleTokens implements Tokens {
  readonly #clock: Clock;
  readonly #ttlMs: number;
  readonly #appliedIndex: () => LogIndex;
  /** In the order of their last use, which is the order in which they expire. */
  readonly #held = new Map<string, Held>();
  #waiting: Waiting[] = [];
  #timer: Timer | undefined;

  constructor(options: {
    readonly clock: Clock;
    readonly ttlMs: number;
    readonly appliedIndex: () => LogIndex;
  }) {
    this.#clock = options.clock;
    this.#ttlMs = options.ttlMs;
    this.#appliedIndex = options.appliedIndex;
  }

  newPrefix(): string {
    const letters = Array.from(
      { length: authLimits.tokenPrefixLetters },
      () => LETTERS[randomInt(LETTERS.length)],
    );
    return letters.join("");
  }

  issue(login: {
    readonly username: string;
    readonly prefix: string;
    readonly index: LogIndex;
  }): string {
    const { username, prefix, index } = login;
    const token = `${prefix}.${index}`;
    this.#dropExpired();
    this.#held.set(token, { username, expiresMs: this.#clock.nowMs() + this.#ttlMs });
    return token;
  }

  holder(
    token: string,
    revision: () => number,
    waiter: Waiter,
  ): AuthInfo | undefined | Promise<AuthInfo | undefined> {
    // A token that is held is of an entry that was applied here.
    if (this.#held.has(token)) return this.#use(token, revision());
    const index = indexOf(token);
    if (index === undefined || this.#appliedIndex() >= index) return undefined;
    return this.#applied(index, waiter).then(() => this.#use(token, revision()));
  }

  forget(username: string): void {
    for (const [token, held] of this.#held) {
      if (held.username === username) this.#held.delete(token);
    }
  }

  forgetAll(): void {
    this.#held.clear();
  }

  #use(token: string, revision: number): AuthInfo | undefined {
    const held = this.#held.get(token);
    if (held === undefined) return undefined;
    const nowMs = this.#clock.nowMs();
    this.#held.delete(token);
    if (nowMs > held.expiresMs) return undefined;
    held.expiresMs = nowMs + this.#ttlMs;
    this.#held.set(token, held);
    return { username: held.username, revision };
  }

  #dropExpired(): void {
    const nowMs = this.#clock.nowMs();
    for (const [token, { expiresMs }] of this.#held) {
      if (expiresMs >= nowMs) return;
      this.#held.delete(token);
    }
  }

  /** Resolves when the index is applied, or when nobody waits for it any more. */
  #applied(index: LogIndex, waiter: Waiter): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ index, waiter, resolve });
      this.#timer ??= this.#clock.every(authLimits.appliedIndexPollMs, () => this.#look());
    });
  }

  #look(): void {
    const appliedIndex = this.#appliedIndex();
    const isOver = ({ index, waiter }: Waiting) => index <= appliedIndex || waiter.cancelled;
    const over = this.#waiting.filter(isOver);
    this.#waiting = this.#waiting.filter((waiting) => !isOver(waiting));
    if (this.#waiting.length === 0) {
      this.#timer?.clear();
      this.#timer = undefined;
    }
    for (const { resolve } of over) resolve();
  }
}

/** The number behind the one dot of a token; undefined for anything else. */
function indexOf(token: string): LogIndex | undefined {
  const [, index, ...rest] = token.split(".");
  if (index === undefined || rest.length > 0 || !/^\d+$/.test(index)) return undefined;
  return BigInt(index) < 1n << 64n ? Number(index) : undefined;
}
