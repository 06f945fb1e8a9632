import { apiError, decodeMessage, etcdserverpb } from "@kvorum/api";
import type { Method, StreamCall } from "@kvorum/grpc";
import { refuse } from "../auth/auth-applier.js";
import type { AuthInfo } from "../auth/auth-info.js";
import type { AuthStore } from "../auth/auth-store.js";
import { parseListenUrls } from "../config/listen-url.js";
import { failWith } from "./guard.js";
import type { Identities } from "./identities.js";

/** Who may make a call whose rights don't depend on keys: any user, or those with the role "root". */
type Rule = "user" | "admin";

const MAINTENANCE = "/etcdserverpb.Maintenance";
const CLUSTER = "/etcdserverpb.Cluster";

const RULES: Readonly<Record<string, Rule>> = {
  "/etcdserverpb.KV/Compact": "admin",
  [`${MAINTENANCE}/Alarm`]: "admin",
  [`${MAINTENANCE}/Defragment`]: "admin",
  [`${MAINTENANCE}/Downgrade`]: "admin",
  [`${MAINTENANCE}/Hash`]: "admin",
  [`${MAINTENANCE}/HashKV`]: "admin",
  [`${MAINTENANCE}/MoveLeader`]: "admin",
  [`${MAINTENANCE}/Snapshot`]: "admin",
  [`${MAINTENANCE}/Status`]: "user",
  [`${CLUSTER}/MemberAdd`]: "admin",
  [`${CLUSTER}/MemberPromote`]: "admin",
  [`${CLUSTER}/MemberRemove`]: "admin",
  [`${CLUSTER}/MemberUpdate`]: "admin",
};

export interface CallRulesOptions {
  readonly auth: AuthStore;
  readonly identities: Identities;
}

/** Puts the check before the handlers of those methods; with authentication off it asks a boolean. */
export function applyCallRules(
  methods: readonly [string, Method][],
  options: CallRulesOptions,
): [string, Method][] {
  return methods.map(([path, method]) => {
    const rule = RULES[path];
    return [path, rule === undefined ? method : ruled(path, method, { ...options, rule })];
  });
}

function ruled(
  path: string,
  method: Method,
  { auth, identities, rule }: CallRulesOptions & { readonly rule: Rule },
): Method {
  const check = (who: AuthInfo | undefined, rule: Rule) =>
    refuse(rule === "user" ? auth.anonymousRefusal(who) : auth.adminRefusal(who));
  if (method.kind === "stream") {
    const { open } = method;
    return {
      ...method,
      open: (call) => {
        if (!identities.areNeeded) open(call);
        else
          openWhenKnown(call, {
            found: identities.of(call),
            check: (who) => check(who, rule),
            open,
          });
      },
    };
  }
  const { handle } = method;
  return {
    ...method,
    handle: (call, message) => {
      if (!identities.areNeeded) {
        handle(call, message);
        return;
      }
      const needed = needs(path, message, rule);
      identities.identify(call, (who) => {
        check(who, needed);
        handle(call, message);
      });
    },
  };
}

/** What depends on the request itself: everybody may look at alarms, and bad URLs are refused first. */
function needs(path: string, message: Buffer, rule: Rule): Rule {
  if (path === `${MAINTENANCE}/Alarm`) {
    const { AlarmRequest, AlarmRequest_AlarmAction: Action } = etcdserverpb;
    return decodeMessage(AlarmRequest, message).action === Action.GET ? "user" : rule;
  }
  if (path === `${CLUSTER}/MemberAdd`) {
    const { peerURLs } = decodeMessage(etcdserverpb.MemberAddRequest, message);
    const parsed = parseListenUrls(peerURLs);
    if (parsed.kind === "error" || parsed.value.length === 0) throw apiError("badMemberUrls");
  }
  return rule;
}

/** A stream's messages wait until it is known who sends them. */
function openWhenKnown(
  call: StreamCall,
  options: {
    readonly found: ReturnType<Identities["of"]>;
    readonly check: (who: AuthInfo | undefined) => void;
    readonly open: (call: StreamCall) => void;
  },
): void {
  const { found, check, open } = options;
  if (!(found instanceof Promise)) {
    check(found);
    open(call);
    return;
  }
  call.pause();
  found
    .then((who) => {
      check(who);
      open(call);
      call.resume();
    })
    .catch((error: unknown) => failWith(call, error));
}
