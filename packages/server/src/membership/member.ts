import type { MemberId } from "@kvorum/base";

/** One member of the cluster, as the bucket "members" and the conf change contexts hold it. */
export interface Member {
  readonly id: MemberId;
  readonly peerUrls: readonly string[];
  readonly isLearner: boolean;
  /** Empty until the member has published itself. */
  readonly name: string;
  readonly clientUrls: readonly string[];
}

/**
 * etcd's JSON of a member: keys in the order id, peerURLs, isLearner, name, clientURLs; the last
 * three are left out when empty. The id is a decimal number above 2^53, so JSON.stringify can't
 * write it.
 */
export function memberToJson(member: Member): string {
  const fields = [`"id":${member.id}`, `"peerURLs":${JSON.stringify(member.peerUrls)}`];
  if (member.isLearner) fields.push('"isLearner":true');
  if (member.name !== "") fields.push(`"name":${JSON.stringify(member.name)}`);
  if (member.clientUrls.length > 0)
    fields.push(`"clientURLs":${JSON.stringify(member.clientUrls)}`);
  return `{${fields.join(",")}}`;
}

/** What a conf change's context or a record of the bucket "members" says. */
export interface MemberJson extends Member {
  /** Only in a conf change's context: the learner becomes a voter. */
  readonly isPromote: boolean;
}

/** @throws SyntaxError when `text` is no such JSON */
export function memberFromJson(text: string): MemberJson {
  const id = /"id"\s*:\s*(\d+)/.exec(text)?.[1];
  if (id === undefined) throw new SyntaxError(`member without an id: ${text}`);
  const parsed = JSON.parse(text) as Partial<{
    peerURLs: string[] | null;
    isLearner: boolean;
    name: string;
    clientURLs: string[] | null;
    isPromote: boolean;
  }>;
  return {
    id: BigInt(id),
    peerUrls: parsed.peerURLs ?? [],
    isLearner: parsed.isLearner ?? false,
    name: parsed.name ?? "",
    clientUrls: parsed.clientURLs ?? [],
    isPromote: parsed.isPromote ?? false,
  };
}
