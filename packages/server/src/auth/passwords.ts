import { createRequire } from "node:module";
import { apiError } from "@kvorum/api";
import { authLimits } from "./limits.js";

/**
 * bcrypt, which is slow on purpose, on the thread pool. The pool also writes the log, so only a few
 * passwords are worked on at once and the others wait their turn.
 */
export class Passwords {
  readonly #cost: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** @param cost 4 to 31: each more doubles the time */
  constructor(cost: number) {
    this.#cost = cost;
  }

  /** A hash of `password` with a salt of its own. @throws ApiError passwordTooLong */
  async hash(password: string): Promise<string> {
    if (Buffer.byteLength(password) > authLimits.passwordBytesMax)
      throw apiError("passwordTooLong");
    return asWrittenByGo(await this.#inTurn(() => bcrypt().hash(password, this.#cost)));
  }

  /** Whether `password` is the one that `hashed` was made of; false for what is no hash. */
  matches(password: string, hashed: Uint8Array): Promise<boolean> {
    // The library reads a hash from a string only when it is well-formed.
    const text = Buffer.from(hashed).toString("latin1");
    return this.#inTurn(() =>
      bcrypt()
        .verify(password, text)
        .catch(() => false),
    );
  }

  async #inTurn<Value>(work: () => Promise<Value>): Promise<Value> {
    if (this.#waiting.length >= authLimits.passwordsWaitingMax) throw apiError("tooManyRequests");
    if (this.#running >= authLimits.passwordsAtOnceMax) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#running++;
    }
    try {
      return await work();
    } finally {
      // The place goes to the next in line, or is free.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}

/** Hashes on the spot. */
export function hashNow(password: string): string {
  return asWrittenByGo(bcrypt().hashSync(password, authLimits.bcryptCost));
}

/** The two names stand for the same algorithm; etcd writes the older one. */
function asWrittenByGo(hashed: string): string {
  return hashed.replace(/^\$2b\$/, "$2a$");
}

const require = createRequire(import.meta.url);

/** Loaded with the first password: a start without any is 10 ms shorter. */
function bcrypt(): typeof import("@node-rs/bcrypt") {
  return require("@node-rs/bcrypt");
}
