import { snapshotStatus as readStatus, type SnapshotStatus } from "@kvorum/backends/boltfile";
import { nodeFileSystem } from "@kvorum/base/node";
import { badArguments, CtlError, failure } from "../cli/ctl-error.js";
import { goJson } from "../output/go-json.js";
import { humanBytes } from "../output/go-text.js";
import type { Rows } from "../output/rows.js";
import { systemText } from "../output/system-text.js";
import { drawTable } from "../output/table.js";
import { formatOf, utlVerb } from "./context.js";

export const snapshotStatus = utlVerb({
  name: "status",
  usage: "status <filename>",
  summary: "Gets backend snapshot status of a given file",
  description: `When --write-out is set to simple, this command prints out comma-separated status lists for each endpoint.
The items in the lists are hash, revision, total keys, total size.`,
  flags: {},
  async run(context, { args }) {
    const [path] = args;
    if (path === undefined || args.length !== 1) {
      throw badArguments("snapshot status requires exactly one argument");
    }
    const format = formatOf(context, FORMATS);
    const status = await statusOf(path);
    context.io.stdout.write(`${format(status)}\n`);
  },
});

async function statusOf(path: string): Promise<SnapshotStatus> {
  const file = await nodeFileSystem.open(path, "read").catch((cause: unknown) => {
    throw new CtlError("error", `stat ${path}: ${systemText(cause)}`, { cause });
  });
  try {
    return await readStatus(file);
  } catch (cause) {
    throw failure("error", cause);
  } finally {
    await file.close();
  }
}

type Format = (status: SnapshotStatus) => string;

const FORMATS: Readonly<Record<string, Format>> = {
  simple: (status) => rowsOf(status).rows[0]!.join(", "),
  table: (status) => drawTable(rowsOf(status)),
  json: ({ hash, revision, totalKey, totalSize, version }) =>
    goJson({ hash, revision, totalKey, totalSize, version }),
  fields: ({ hash, revision, totalKey, totalSize, version }) =>
    [
      `"Hash" : ${hash}`,
      `"Revision" : ${revision}`,
      `"Keys" : ${totalKey}`,
      `"Size" : ${totalSize}`,
      `"Version" : ${version}`,
    ].join("\n"),
};

function rowsOf({ hash, revision, totalKey, totalSize, version }: SnapshotStatus): Rows {
  return {
    head: ["hash", "revision", "total keys", "total size", "version"],
    rows: [[hash.toString(16), String(revision), String(totalKey), humanBytes(totalSize), version]],
  };
}
