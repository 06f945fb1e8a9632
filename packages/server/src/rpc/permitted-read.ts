import { ApiError, type ApiErrorName, type RawResponse } from "@kvorum/api";
import type { UnaryCall } from "@kvorum/grpc";
import { refuse } from "../auth/auth-applier.js";
import { type AuthInfo, NOBODY } from "../auth/auth-info.js";
import type { AuthStore } from "../auth/auth-store.js";
import type { Identities } from "./identities.js";
import { fail, type Replier } from "./reply.js";

/**
 * Serves a read with authentication on: the caller is asked for, then what the caller may read, and
 * the answer is given only if users and roles are still the same when it is there. Source: etcd's
 * doSerialize.
 * @throws ApiError
 */
export function answerPermitted(
  call: UnaryCall,
  context: {
    readonly auth: AuthStore;
    readonly identities: Identities;
    readonly replier: Replier;
    readonly refusal: (who: AuthInfo) => ApiErrorName | undefined;
    readonly read: () => RawResponse | Promise<RawResponse>;
  },
): void {
  const { auth, identities, replier, refusal, read } = context;
  identities.identify(call, (who = NOBODY) => {
    refuse(refusal(who));
    const answer = (response: RawResponse) => {
      refuse(auth.staleRefusal(who));
      replier.respond(call, response);
    };
    const response = read();
    if (response instanceof Promise) {
      response.then(answer).catch((error: unknown) => {
        if (!(error instanceof ApiError)) throw error;
        fail(call, error);
      });
    } else {
      answer(response);
    }
  });
}
