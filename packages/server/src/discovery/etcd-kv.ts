import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from "node:http2";
import type { ConnectionOptions } from "node:tls";
import { etcdserverpb } from "@kvorum/api";
import { type Clock, prefixEnd } from "@kvorum/base";
import type { DiscoveryKeyValue, DiscoveryKv } from "./discovery-kv.js";
import { discoveryLimits } from "./limits.js";

export interface EtcdKvOptions {
  /** URLs or "host:port". */
  readonly endpoints: readonly string[];
  readonly dialTimeoutMs: number;
  /** For one request at one endpoint. */
  readonly requestTimeoutMs: number;
  /** For https endpoints, and for those without a scheme; undefined: plain text for the latter. */
  readonly tls: ConnectionOptions | undefined;
  /** Undefined: without authentication. */
  readonly user: { readonly name: string; readonly password: string } | undefined;
  readonly clock: Clock;
}

const { AuthenticateRequest, AuthenticateResponse, PutRequest, RangeRequest, RangeResponse } =
  etcdserverpb;
const NOTHING = new Uint8Array(0);
/** A gRPC frame begins with a flag and the message's length. */
const FRAME_HEAD_BYTES = 5;

/**
 * The few calls of etcd's v3 API that discovery makes, over HTTP/2 with nothing but node's own
 * client. Endpoints are tried in turn, and the one that answered last is asked first.
 */
export class EtcdKv implements DiscoveryKv {
  readonly #options: EtcdKvOptions;
  readonly #sessions = new Map<string, ClientHttp2Session>();
  #endpoints: readonly string[];
  #token: string | undefined;

  constructor(options: EtcdKvOptions) {
    this.#options = options;
    this.#endpoints = options.endpoints;
  }

  async get(key: string): Promise<DiscoveryKeyValue | undefined> {
    return (await this.#range(Buffer.from(key), NOTHING))[0];
  }

  list(prefix: string): Promise<readonly DiscoveryKeyValue[]> {
    const start = Buffer.from(prefix);
    return this.#range(start, prefixEnd(start));
  }

  async put(key: string, value: string): Promise<void> {
    const request = PutRequest.create({ key: Buffer.from(key), value: Buffer.from(value) });
    await this.#call("/etcdserverpb.KV/Put", PutRequest.encode(request).finish());
  }

  close(): void {
    for (const session of this.#sessions.values()) session.destroy();
    this.#sessions.clear();
  }

  async #range(key: Uint8Array, rangeEnd: Uint8Array): Promise<DiscoveryKeyValue[]> {
    const request = RangeRequest.encode(RangeRequest.create({ key, rangeEnd })).finish();
    const answer = await this.#call("/etcdserverpb.KV/Range", request);
    return RangeResponse.decode(answer).kvs.map((kv) => ({
      key: Buffer.from(kv.key).toString("utf8"),
      value: Buffer.from(kv.value).toString("utf8"),
      createRevision: kv.createRevision,
    }));
  }

  async #call(path: string, message: Uint8Array): Promise<Uint8Array> {
    let failure: unknown = new Error("no endpoint");
    for (const endpoint of this.#endpoints) {
      try {
        const answer = await this.#authenticated(endpoint, path, message);
        this.#endpoints = [endpoint, ...this.#endpoints.filter((other) => other !== endpoint)];
        return answer;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  async #authenticated(endpoint: string, path: string, message: Uint8Array): Promise<Uint8Array> {
    const { user } = this.#options;
    if (user !== undefined && this.#token === undefined) {
      const request = AuthenticateRequest.encode(AuthenticateRequest.create(user)).finish();
      const answer = await this.#ask(endpoint, "/etcdserverpb.Auth/Authenticate", request);
      this.#token = AuthenticateResponse.decode(answer).token;
    }
    try {
      return await this.#ask(endpoint, path, message);
    } catch (error) {
      // The token may have expired: the next call asks for another one.
      this.#token = undefined;
      throw error;
    }
  }

  #ask(endpoint: string, path: string, message: Uint8Array): Promise<Uint8Array> {
    const { clock, requestTimeoutMs } = this.#options;
    const session = this.#session(endpoint);
    const token = this.#token === undefined ? {} : { token: this.#token };
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      ...token,
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    let status: IncomingHttpHeaders = {};
    return new Promise<Uint8Array>((resolve, reject) => {
      const timer = clock.after(requestTimeoutMs, () => {
        stream.destroy(new Error(`${endpoint}: context deadline exceeded`));
      });
      // An answer without a message has its status in the headers.
      const take = (headers: IncomingHttpHeaders) => {
        status = { ...status, ...headers };
      };
      stream.on("response", take);
      stream.on("trailers", take);
      stream.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        chunks.push(chunk);
        if (bytes > discoveryLimits.answerBytesMax) {
          stream.destroy(new Error(`${endpoint}: an answer of more than ${bytes} bytes`));
        }
      });
      stream.on("error", reject);
      stream.on("close", () => {
        timer.clear();
        const outcome = messageIn(Buffer.concat(chunks), status);
        if (typeof outcome === "string") reject(new Error(`${endpoint}: ${outcome}`));
        else resolve(outcome);
      });
      stream.end(frameOf(message));
    });
  }

  #session(endpoint: string): ClientHttp2Session {
    const known = this.#sessions.get(endpoint);
    if (known !== undefined && !known.closed && !known.destroyed) return known;
    const { clock, dialTimeoutMs, tls } = this.#options;
    const session = connect(authorityOf(endpoint, tls !== undefined), tls ?? {});
    const timer = clock.after(dialTimeoutMs, () => {
      session.destroy(new Error(`${endpoint}: not connected within ${dialTimeoutMs} ms`));
    });
    session.once("connect", () => timer.clear());
    session.once("close", () => timer.clear());
    // Each request under way gets the error too.
    session.on("error", () => {});
    this.#sessions.set(endpoint, session);
    return session;
  }
}

function authorityOf(endpoint: string, isSecure: boolean): string {
  if (/^https?:\/\//.test(endpoint)) return endpoint;
  return `${isSecure ? "https" : "http"}://${endpoint}`;
}

function frameOf(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(FRAME_HEAD_BYTES + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, FRAME_HEAD_BYTES);
  return frame;
}

/** Percent-encoded text; as it is when it isn't well-formed. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The one message of an answer, or why there is none. */
function messageIn(body: Buffer, headers: IncomingHttpHeaders): Uint8Array | string {
  const status = headers["grpc-status"];
  if (status === undefined) return `no gRPC answer (HTTP status ${headers[":status"] ?? "none"})`;
  if (status !== "0") {
    return unescaped(String(headers["grpc-message"] ?? `gRPC status ${status}`));
  }
  if (body.length < FRAME_HEAD_BYTES) return "an answer without a message";
  const length = body.readUInt32BE(1);
  if (body[0] !== 0 || body.length !== FRAME_HEAD_BYTES + length) return "a malformed answer";
  return body.subarray(FRAME_HEAD_BYTES);
}
