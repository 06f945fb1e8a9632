/** What Go's encoding/json would be given: bytes as base64, ids as bigints. */
export type GoJson =
  | null
  | string
  | number
  | bigint
  | boolean
  | Uint8Array
  | readonly GoJson[]
  | { readonly [name: string]: GoJson | undefined };

/** The value as Go's encoding/json writes it; members that are undefined are left out. */
export function goJson(value: GoJson): string {
  if (typeof value === "string") return jsonString(value);
  if (value === null || typeof value !== "object") return String(value);
  if (value instanceof Uint8Array) return `"${Buffer.from(value).toString("base64")}"`;
  if (isArray(value)) return `[${value.map(goJson).join(",")}]`;
  const members: string[] = [];
  for (const [name, member] of Object.entries(value)) {
    if (member !== undefined) members.push(`${jsonString(name)}:${goJson(member)}`);
  }
  return `{${members.join(",")}}`;
}

/** A member with `omitempty`: zero, false, empty text, bytes and lists are left out. */
export function omitEmpty<T extends GoJson | undefined>(value: T): T | undefined {
  if (value === undefined || value === null || value === false) return undefined;
  if (value === 0 || value === 0n || value === "") return undefined;
  if (value instanceof Uint8Array || Array.isArray(value)) {
    return value.length === 0 ? undefined : value;
  }
  return value;
}

function isArray(value: GoJson): value is readonly GoJson[] {
  return Array.isArray(value);
}

/** Go escapes what would be unsafe inside HTML, and writes control characters its own way. */
function jsonString(text: string): string {
  return JSON.stringify(text).replace(/[<>&\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
