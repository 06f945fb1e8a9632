import { nodeClock, nodeFileSystem } from "@kvorum/base/node";
import type { SnapshotChunk } from "@kvorum/client";
import { badArguments, CtlError, failure } from "../cli/ctl-error.js";
import { logLine } from "../cli/log-line.js";
import { ProgressBar } from "../cli/progress-bar.js";
import { goDuration, humanBytes } from "../output/go-text.js";
import { systemText } from "../output/system-text.js";
import { type CtlContext, ctlVerb } from "./context.js";

/** A db file has whole sectors, so its SHA-256 at the end shows in the length. */
const SECTOR_BYTES = 512;
const HASH_BYTES = 32;

export const snapshotSave = ctlVerb({
  name: "save",
  usage: "save <filename>",
  summary: "Stores an etcd node backend snapshot to a given file",
  flags: {},
  async run(context, { args }) {
    const [path] = args;
    if (path === undefined || args.length !== 1) {
      throw badArguments("snapshot save expects one argument <filename>");
    }
    const version = await save(context, path);
    context.io.stdout.write(`Snapshot saved at ${path}\n`);
    if (version !== "") context.io.stdout.write(`Server version ${version}\n`);
  },
});

/** Writes `<path>.part` and gives it its name once it is whole and on the disk. */
async function save(context: CtlContext, path: string): Promise<string> {
  const [endpoint, ...others] = context.endpoints;
  if (endpoint === undefined || others.length > 0) {
    const list = context.endpoints.join(" ");
    const text = `snapshot must be requested to one selected node, not multiple [${list}]`;
    throw new CtlError("interrupted", text);
  }
  const client = await context.client();
  const partial = `${path}.part`;
  try {
    // A transfer has no time limit unless one was asked for.
    const timeoutMs = context.isSet("command-timeout") ? context.timeoutMs : undefined;
    const chunks = client.maintenance.snapshot({ timeoutMs, signal: context.io.interrupted });
    const version = await writePartial(context, { chunks, partial, endpoint });
    await nodeFileSystem.rename(partial, path).catch((cause: unknown) => {
      const why = `rename ${partial} ${path}: ${systemText(cause)}`;
      throw new CtlError("interrupted", `could not rename ${partial} to ${path} (${why})`);
    });
    logLine(context.io, "info", "saved", { path });
    return version;
  } catch (cause) {
    throw failure("interrupted", cause);
  } finally {
    await nodeFileSystem.remove(partial).catch(() => undefined);
  }
}

interface Transfer {
  readonly chunks: AsyncIterable<SnapshotChunk>;
  readonly partial: string;
  readonly endpoint: string;
}

/** Receives the snapshot into `partial`, synced; resolves to the version the server names. */
async function writePartial(
  context: CtlContext,
  { chunks, partial, endpoint }: Transfer,
): Promise<string> {
  await nodeFileSystem.remove(partial).catch(() => undefined);
  const file = await nodeFileSystem.open(partial, "create").catch((cause: unknown) => {
    const why = `open ${partial}: ${systemText(cause)}`;
    throw new CtlError("interrupted", `could not open ${partial} (${why})`, { cause });
  });
  logLine(context.io, "info", "created temporary db file", { path: partial });
  const startMs = nodeClock.nowMs();
  const bar = new ProgressBar(context.io.stderr, "snapshot");
  let sizeBytes = 0;
  let version = "";
  try {
    logLine(context.io, "info", "fetching snapshot", { endpoint });
    for await (const chunk of chunks) {
      version ||= chunk.version;
      await file.write(chunk.blob, sizeBytes);
      sizeBytes += chunk.blob.length;
      bar.update(sizeBytes, sizeBytes + Number(chunk.remainingBytes));
    }
    if (sizeBytes % SECTOR_BYTES !== HASH_BYTES) {
      const text = `sha256 checksum not found [bytes: ${sizeBytes}]`;
      throw new CtlError("interrupted", text);
    }
    await file.sync();
  } finally {
    bar.stop();
    await file.close();
  }
  const took = goDuration(nodeClock.nowMs() - startMs);
  const size = humanBytes(sizeBytes);
  const report = { endpoint, size, took, "etcd-version": version };
  logLine(context.io, "info", "fetched snapshot", report);
  return version;
}
