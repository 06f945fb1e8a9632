import { errorText, failure } from "../cli/ctl-error.js";
import { flag } from "../cli/flags.js";
import type { CtlContext } from "./context.js";

/** The flag of the verbs that go to every endpoint by itself. */
export const clusterFlag = {
  cluster: flag.bool("use all endpoints from the cluster member list"),
} as const;

/** The endpoints given, or with --cluster those that the members advertise. @throws CtlError */
export async function clusterEndpoints(
  context: CtlContext,
  flags: { readonly cluster: boolean },
): Promise<readonly string[]> {
  if (!flags.cluster) return context.endpoints;
  const { cluster } = await context.client();
  try {
    const { members } = await cluster.memberList({ timeoutMs: context.timeoutMs });
    return members.flatMap((member) => member.clientURLs);
  } catch (cause) {
    const text = errorText(cause);
    const what = "failed to fetch endpoints from etcd cluster member list";
    throw failure("error", new Error(`${what}: ${text}`, { cause }));
  }
}
