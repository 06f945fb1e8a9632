import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { BenchError } from "../bench-error.js";

/** What proves the server and, where asked for, the client; PEM. */
export interface TlsOptions {
  readonly ca?: Buffer | undefined;
  readonly cert?: Buffer | undefined;
  readonly key?: Buffer | undefined;
  /** Accepts any certificate. */
  readonly skipVerify?: boolean;
}

export interface TransportOptions {
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsOptions | undefined;
  /** The bytes are valid only during the call. */
  readonly onBytes: (bytes: Buffer, length: number) => void;
  readonly onClosed: (reason: string) => void;
}

/**
 * Bytes read at one time, for all connections: each is done with them when its callback returns.
 */
const READ_BYTES = 256 * 1024;
let readBuffer: Buffer | undefined;

/**
 * Connects a socket that reads into one shared buffer, so that reading allocates nothing. TLS has
 * no such way in Node and allocates its chunks.
 * @throws BenchError "CONNECTION"
 */
export function openTransport(options: TransportOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = options.tls === undefined ? openTcp(options) : openTls(options, options.tls);
    let reason = "the server closed the connection";
    let isOpen = false;
    socket.setNoDelay(true);
    socket.once(options.tls === undefined ? "connect" : "secureConnect", () => {
      isOpen = true;
      resolve(socket);
    });
    socket.on("error", (error) => {
      reason = error.message;
    });
    socket.once("close", () => {
      if (isOpen) options.onClosed(reason);
      else {
        const where = `${options.host}:${options.port}`;
        reject(new BenchError("CONNECTION", `${where} can't be reached: ${reason}`));
      }
    });
  });
}

function openTcp({ host, port, onBytes }: TransportOptions): Socket {
  readBuffer ??= Buffer.allocUnsafeSlow(READ_BYTES);
  const shared = readBuffer;
  return connectTcp({
    host,
    port,
    onread: {
      buffer: shared,
      callback: (length) => {
        onBytes(shared, length);
        return true;
      },
    },
  });
}

function openTls({ host, port, onBytes }: TransportOptions, tls: TlsOptions): Socket {
  const socket = connectTls({
    host,
    port,
    ALPNProtocols: ["h2"],
    rejectUnauthorized: tls.skipVerify !== true,
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
  });
  socket.on("data", (bytes: Buffer) => onBytes(bytes, bytes.length));
  return socket;
}
