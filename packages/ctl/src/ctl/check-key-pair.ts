import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { badArguments } from "../cli/ctl-error.js";

const PEM = /-----BEGIN [A-Z0-9 ]+-----/;

/**
 * Whether a certificate and a key, in PEM, belong together. What is wrong in another way is found
 * where they are used. Source: Go's tls.X509KeyPair, whose texts etcdctl shows.
 * @throws CtlError "badArguments"
 */
export function checkKeyPair(certificate: Buffer, key: Buffer): void {
  for (const [name, bytes] of [
    ["certificate", certificate],
    ["key", key],
  ] as const) {
    if (PEM.test(bytes.toString("latin1"))) continue;
    throw badArguments(`tls: failed to find any PEM data in ${name} input`);
  }
  const parsed = parse(certificate, key);
  if (parsed !== undefined && !parsed.certificate.checkPrivateKey(parsed.key)) {
    throw badArguments("tls: private key does not match public key");
  }
}

function parse(certificate: Buffer, key: Buffer) {
  try {
    const privateKey: KeyObject = createPrivateKey(key);
    return { certificate: new X509Certificate(certificate), key: privateKey };
  } catch {
    return undefined;
  }
}
