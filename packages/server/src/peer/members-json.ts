import { type Member, memberToJson } from "../membership/member.js";
import { PeerError } from "./peer-error.js";

/** A member list as Go's encoder writes it: with a newline, and careful about HTML. */
export function membersToJson(members: readonly Member[]): string {
  const json = `[${members.map(memberToJson).join(",")}]\n`;
  return json.replace(/[<>&\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** @throws PeerError "MALFORMED" */
export function parseMembers(text: string): readonly Member[] {
  // Ids are numbers above 2^53. Within strings a quote has a backslash before it, so this only
  // finds names of fields.
  const quoted = text.replace(/"id"\s*:\s*(\d+)/g, '"id":"$1"');
  let parsed: unknown;
  try {
    parsed = JSON.parse(quoted);
  } catch (error) {
    throw new PeerError("MALFORMED", (error as Error).message, { cause: error });
  }
  if (parsed === null) return [];
  if (!Array.isArray(parsed)) throw new PeerError("MALFORMED", "a member list that is no array");
  return parsed.map(toMember);
}

function toMember(value: unknown): Member {
  const { id, peerURLs, isLearner, name, clientURLs } = (value ?? {}) as Record<string, unknown>;
  if (typeof id !== "string" || BigInt(id) >= 1n << 64n) {
    throw new PeerError("MALFORMED", "a member without an id");
  }
  return {
    id: BigInt(id),
    peerUrls: textsOf(peerURLs),
    isLearner: isLearner === true,
    name: typeof name === "string" ? name : "",
    clientUrls: textsOf(clientURLs),
  };
}

function textsOf(value: unknown): readonly string[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.every((each) => typeof each === "string")) return value;
  throw new PeerError("MALFORMED", "URLs of a member that are no texts");
}
