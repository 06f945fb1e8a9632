import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const cluster = fileURLToPath(new URL("../../scripts/cluster.mjs", import.meta.url));

test.each([
  [["--size", "4"], "--size must be one of 1, 3, 5, not 4"],
  [["--backends", "lmdb,leveldb"], "--backends names 2 engines for 3 members"],
  [["--base-port", "x"], "--base-port must be a number from 0 to 65530, not x"],
  [["--base-port", "65531"], "--base-port must be a number from 0 to 65530, not 65531"],
  [["--size=1", "--base-port=65535"], "--base-port must be a number from 0 to 65534, not 65535"],
])("npm run cluster refuses %j before it starts anything", (args, message) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cluster, ...args], {
    encoding: "utf8",
  });
  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  expect(stderr.split("\n")[0]).toBe(message);
});
