import { mkdtempSync, rmSync } from "node:fs";
import { type ClientHttp2Stream, connect } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { etcdserverpb } from "@kvorum/api";
import { afterAll, expect, test } from "vitest";
import { type EmbeddedServer, startEmbedded } from "../embed.js";

const VALUE_BYTES = 1_000_000;
const VALUES = 12;

const directory = mkdtempSync(join(tmpdir(), "kvorum-stop-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Sends one message on a call of its own, and reads nothing of the answer. */
function ask(server: EmbeddedServer, path: string, message: Uint8Array) {
  const session = connect(`http://${server.endpoints[0]}`);
  const stream: ClientHttp2Stream = session.request({
    ...{ ":method": "POST", ":path": path },
    ...{ "content-type": "application/grpc", te: "trailers" },
  });
  for (const source of [session, stream]) source.on("error", () => {});
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  stream.end(Buffer.concat([prefix, message]));
  return { stream, end: () => session.destroy() };
}

async function fill(server: EmbeddedServer): Promise<void> {
  for (let i = 0; i < VALUES; i++) {
    const body = JSON.stringify({
      key: Buffer.from(`k${i}`).toString("base64"),
      value: Buffer.alloc(VALUE_BYTES, i).toString("base64"),
    });
    await fetch(`http://${server.endpoints[0]}/v3/kv/put`, { method: "POST", body });
  }
}

const all = { key: Buffer.from("k"), rangeEnd: Buffer.from("l") };

test.concurrent.each([
  [
    "/etcdserverpb.KV/RangeStream",
    etcdserverpb.RangeRequest.encode({ ...etcdserverpb.RangeRequest.create(), ...all }).finish(),
  ],
  ["/etcdserverpb.Maintenance/Snapshot", new Uint8Array(0)],
])(
  "a member stops while the client of %s does not read",
  async (path, message) => {
    const dataDir = join(directory, path.replaceAll("/", "-"));
    const server = await startEmbedded({ dataDir, backend: "lmdb" });
    await fill(server);
    const call = ask(server, path, message);
    // What the windows hold has come; the rest waits for a reader.
    await new Promise((resolve) => call.stream.once("response", resolve));
    await new Promise((resolve) => setTimeout(resolve, 200));
    await expect(server.stop().then(() => "stopped")).resolves.toBe("stopped");
    call.end();
  },
  30_000,
);
