import { apiError } from "@kvorum/api";
import type { AuthInfo } from "../auth-info.js";
import type { Tokens } from "./tokens.js";

/** --auth-token="": nobody can log in; users come with certificates only. */
export const noTokens: Tokens = {
  newPrefix: () => "",
  issue: () => {
    throw apiError("authFailed");
  },
  holder: (): AuthInfo | undefined => undefined,
  forget: () => {},
  forgetAll: () => {},
};
