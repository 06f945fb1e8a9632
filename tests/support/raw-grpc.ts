import { connect as connectHttp2, constants } from "node:http2";
import { connect } from "node:net";

/** Requests that no honest client makes, over node:http2 and bare sockets. */

export interface RawAnswer {
  readonly httpStatus: number;
  /** From trailers, or from the headers of an answer without a body. */
  readonly grpcStatus: number | undefined;
  readonly grpcMessage: string;
}

const ANSWER_WITHIN_MS = 20_000;

/** `body` behind gRPC's five bytes. */
export function grpcFrame(body: Uint8Array, claimedLength = body.length): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(claimedLength, 1);
  return Buffer.concat([prefix, body]);
}

/** Sends `data` as the whole request to `path`; a reset stream gives no gRPC status. */
export function rawCall(
  endpoint: string,
  path: string,
  data: Uint8Array,
  headers: Record<string, string> = {},
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`http://${endpoint}`);
    session.once("error", reject);
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
    let found: Record<string, unknown> = {};
    stream.on("response", (fields) => {
      found = { ...found, ...fields };
    });
    stream.on("trailers", (fields) => {
      found = { ...found, ...fields };
    });
    stream.on("error", () => {});
    stream.setTimeout(ANSWER_WITHIN_MS, () => stream.close(constants.NGHTTP2_CANCEL));
    stream.once("close", () => {
      session.destroy();
      const status = found["grpc-status"];
      resolve({
        httpStatus: Number(found[":status"] ?? 0),
        grpcStatus: status === undefined ? undefined : Number(status),
        grpcMessage: decodeURIComponent(String(found["grpc-message"] ?? "")),
      });
    });
    stream.resume();
    stream.end(data);
  });
}

/** Writes `bytes` to a bare connection and resolves once the server closed it, or after a while. */
export function rawBytes(endpoint: string, bytes: Uint8Array, waitMs = 300): Promise<Buffer> {
  const [host, port] = endpoint.split(":");
  return new Promise((resolve) => {
    const received: Buffer[] = [];
    const socket = connect(Number(port), host);
    const finish = () => {
      socket.destroy();
      resolve(Buffer.concat(received));
    };
    socket.on("data", (part: Buffer) => received.push(part));
    socket.on("error", finish);
    socket.once("close", finish);
    socket.once("connect", () => socket.write(bytes));
    setTimeout(finish, waitMs);
  });
}
