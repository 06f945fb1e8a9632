import { DYNAMIC_INDEX, StaticIndex } from "./static-table.js";

/**
 * The table size below which nothing is put into the server's table, so that nothing is evicted.
 */
const TABLE_BYTES_MIN = 4096;

/**
 * The header blocks of one connection's requests. The first request of a method puts its fields
 * into the server's dynamic table; later ones are a byte a field:
 *
 *     :method POST, :scheme   static          :path         dynamic, one entry a method
 *     :authority, content-type, te, user-agent   dynamic, entered by the first request of all
 *
 * A dynamic index counts back from the newest entry, so a new method makes the remembered blocks
 * stale; they are built again when next used.
 */
export class RequestHeads {
  readonly #authority: string;
  readonly #isSecure: boolean;
  readonly #usesTable: boolean;
  /** The number of the insertion that entered each field. */
  readonly #inserted = new Map<string, number>();
  readonly #blocks = new Map<string, { readonly bytes: Buffer; readonly insertions: number }>();
  #lastPath = "";
  #lastBytes: Buffer = Buffer.alloc(0);

  /** @param options.tableBytes the server's SETTINGS_HEADER_TABLE_SIZE */
  constructor(options: { authority: string; isSecure: boolean; tableBytes: number }) {
    this.#authority = options.authority;
    this.#isSecure = options.isSecure;
    this.#usesTable = options.tableBytes >= TABLE_BYTES_MIN;
  }

  /** The block for the next request to `path`, which must be sent, in this order. */
  block(path: string): Buffer {
    if (path === this.#lastPath) return this.#lastBytes;
    const known = this.#blocks.get(path);
    if (known !== undefined && known.insertions === this.#inserted.size) return known.bytes;
    const before = this.#inserted.size;
    const bytes = this.#encode(path);
    // A block that inserts is right only once: it would insert again.
    if (this.#inserted.size === before) {
      this.#blocks.set(path, { bytes, insertions: before });
      this.#lastPath = path;
      this.#lastBytes = bytes;
    } else {
      this.#lastPath = "";
    }
    return bytes;
  }

  #encode(path: string): Buffer {
    const scheme = this.#isSecure ? StaticIndex.SCHEME_HTTPS : StaticIndex.SCHEME_HTTP;
    const fields: readonly (readonly [nameIndex: number, name: string, value: string])[] = [
      [StaticIndex.PATH, ":path", path],
      [StaticIndex.AUTHORITY, ":authority", this.#authority],
      [StaticIndex.CONTENT_TYPE, "content-type", "application/grpc"],
      [StaticIndex.USER_AGENT, "user-agent", "kvorum-bench"],
      [0, "te", "trailers"],
    ];
    const parts = [integer(0x80, 7, StaticIndex.METHOD_POST), integer(0x80, 7, scheme)];
    for (const [nameIndex, name, value] of fields) parts.push(this.#field(nameIndex, name, value));
    return Buffer.concat(parts);
  }

  #field(nameIndex: number, name: string, value: string): Buffer {
    const key = `${name}=${value}`;
    const insertion = this.#inserted.get(key);
    if (insertion !== undefined) {
      const back = this.#inserted.size - 1 - insertion;
      return integer(0x80, 7, DYNAMIC_INDEX + back);
    }
    if (this.#usesTable) this.#inserted.set(key, this.#inserted.size);
    const head = this.#usesTable ? integer(0x40, 6, nameIndex) : integer(0, 4, nameIndex);
    const named = nameIndex === 0 ? [text(name)] : [];
    return Buffer.concat([head, ...named, text(value)]);
  }
}

/** An integer with `prefixBits` beside the pattern `first`, RFC 7541 section 5.1. */
export function integer(first: number, prefixBits: number, value: number): Buffer {
  const mask = (1 << prefixBits) - 1;
  if (value < mask) return Buffer.from([first | value]);
  const bytes = [first | mask];
  let rest = value - mask;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

/** A string literal without Huffman coding, RFC 7541 section 5.2. */
function text(value: string): Buffer {
  return Buffer.concat([integer(0, 7, value.length), Buffer.from(value, "latin1")]);
}
