import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";

/**
 * The common name of a client's verified certificate, empty when it has none; undefined: the client
 * showed no certificate, or it was not verified. Of several names the last one counts, as in Go.
 */
export function commonNameOf(socket: Socket): string | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const certificate = socket.getPeerCertificate();
  // Without a certificate the object is empty, whatever its type says.
  if (certificate?.raw === undefined) return undefined;
  return [certificate.subject?.CN ?? ""].flat().at(-1);
}
