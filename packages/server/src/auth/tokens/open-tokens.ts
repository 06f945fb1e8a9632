import type { Clock, LogIndex } from "@kvorum/base";
import type { Logger } from "../../observe/logger.js";
import { authLimits } from "../limits.js";
import { JwtTokens } from "./jwt-tokens.js";
import { noTokens } from "./no-tokens.js";
import { SimpleTokens } from "./simple-tokens.js";
import type { TokenSpec } from "./token-spec.js";
import type { Tokens } from "./tokens.js";

/** The tokens that `--auth-token` asks for. */
export function openTokens(
  spec: TokenSpec,
  context: {
    readonly clock: Clock;
    readonly logger: Logger;
    /** Index of the last applied entry. */
    readonly appliedIndex: () => LogIndex;
  },
): Tokens {
  const { clock, logger, appliedIndex } = context;
  switch (spec.kind) {
    case "jwt":
      return new JwtTokens(spec.options, { clock, logger });
    case "none":
      return noTokens;
    case "simple": {
      logger.warn("simple token is not cryptographically signed");
      const seconds = spec.ttlSeconds === 0 ? authLimits.tokenTtlSeconds : spec.ttlSeconds;
      return new SimpleTokens({ clock, appliedIndex, ttlMs: seconds * 1000 });
    }
  }
}
