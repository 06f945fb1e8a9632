/**
 * Reads which serial numbers a certificate revocation list names (RFC 5280, section 5.1), in DER or
 * PEM. Like etcd it looks at nothing else: the list is a file its owner trusts, so neither
 * signature nor dates are checked.
 *
 *   CertificateList ::= SEQUENCE { tbsCertList, signatureAlgorithm, signature }
 *   TBSCertList     ::= SEQUENCE { version INTEGER OPTIONAL, signature SEQUENCE, issuer SEQUENCE,
 *                       thisUpdate Time, nextUpdate Time OPTIONAL,
 *                       revokedCertificates SEQUENCE OF SEQUENCE { serial INTEGER, … } OPTIONAL,
 *                       crlExtensions [0] OPTIONAL }
 * @returns serial numbers in upper-case hex without leading zeros, as node:tls shows them
 * @throws Error when the bytes are no such list
 */
export function parseRevokedSerials(bytes: Uint8Array): ReadonlySet<string> {
  const list = readElement(toDer(bytes), 0);
  const body = readElement(list.content, 0);
  if (list.tag !== SEQUENCE || body.tag !== SEQUENCE) throw malformed();
  const parts = readAll(body.content);
  if (parts[0]?.tag === INTEGER) parts.shift();
  const [signature, issuer, thisUpdate, ...rest] = parts;
  if (signature?.tag !== SEQUENCE || issuer?.tag !== SEQUENCE || !isTime(thisUpdate)) {
    throw malformed();
  }
  if (isTime(rest[0])) rest.shift();
  const revoked = rest[0]?.tag === SEQUENCE ? readAll(rest[0].content) : [];
  return new Set(revoked.map(serialOf));
}

const SEQUENCE = 0x30;
const INTEGER = 0x02;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const LENGTH_BYTES_MAX = 4;
const PEM = /-----BEGIN X509 CRL-----([\s\S]+?)-----END X509 CRL-----/;

interface Element {
  readonly tag: number;
  readonly content: Buffer;
  /** Where the next element begins. */
  readonly end: number;
}

function toDer(bytes: Uint8Array): Buffer {
  const buffer = Buffer.from(bytes);
  const pem = PEM.exec(buffer.toString("latin1"));
  return pem ? Buffer.from(pem[1]!, "base64") : buffer;
}

function readElement(bytes: Buffer, at: number): Element {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) throw malformed();
  let start = at + 2;
  let length = first;
  if (first >= 0x80) {
    const lengthBytes = first & 0x7f;
    if (lengthBytes === 0 || lengthBytes > LENGTH_BYTES_MAX) throw malformed();
    if (start + lengthBytes > bytes.length) throw malformed();
    length = bytes.readUIntBE(start, lengthBytes);
    start += lengthBytes;
  }
  if (start + length > bytes.length) throw malformed();
  return { tag, content: bytes.subarray(start, start + length), end: start + length };
}

function readAll(bytes: Buffer): Element[] {
  const elements: Element[] = [];
  for (let at = 0; at < bytes.length; at = elements.at(-1)!.end) {
    elements.push(readElement(bytes, at));
  }
  return elements;
}

function isTime(element: Element | undefined): boolean {
  return element?.tag === UTC_TIME || element?.tag === GENERALIZED_TIME;
}

function serialOf(entry: Element): string {
  const serial = readElement(entry.content, 0);
  if (entry.tag !== SEQUENCE || serial.tag !== INTEGER) throw malformed();
  return normalizeSerial(serial.content.toString("hex"));
}

/** The form of serial numbers that are compared: upper-case hex, no leading zeros. */
export function normalizeSerial(hex: string): string {
  return hex.toUpperCase().replace(/^0+(?=.)/, "");
}

function malformed(): Error {
  return new Error("x509: malformed certificate revocation list");
}
