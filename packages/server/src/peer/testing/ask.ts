import { type IncomingHttpHeaders, request } from "node:http";

export interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly bytes: Buffer;
}

/** One request of a stranger, exactly as given. */
export function ask(
  url: string,
  options: {
    readonly method?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string | Uint8Array;
  },
): Promise<Answer> {
  const { method = "GET", headers = {}, body = "" } = options;
  return new Promise((resolve, reject) => {
    const length = { "Content-Length": String(Buffer.byteLength(body)) };
    const asked = request(url, { method, headers: { ...length, ...headers }, agent: false });
    asked.on("error", reject);
    asked.on("response", (response) => {
      asked.off("error", reject);
      asked.on("error", () => {});
      const pieces: Buffer[] = [];
      response.on("data", (piece: Buffer) => pieces.push(piece));
      // Some answers end with their connection.
      response.on("error", () => {});
      response.on("close", () => {
        const bytes = Buffer.concat(pieces);
        const text = bytes.toString("utf8");
        resolve({ status: response.statusCode, headers: response.headers, body: text, bytes });
      });
    });
    asked.end(body);
  });
}
