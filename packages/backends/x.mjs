import { rmSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { open } from "lmdb";

rmSync("/tmp/engb/x.mdb", { force: true });
const E = { encoding: "binary", keyEncoding: "binary" };
const root = open({
  path: "/tmp/engb/x.mdb",
  noSubdir: true,
  overlappingSync: false,
  eventTurnBatching: false,
  maxDbs: 12,
  ...E,
});
const t = root.openDB({ name: "key", ...E });
const rev = (m) => {
  const b = Buffer.alloc(17);
  b.writeBigUInt64BE(BigInt(m), 0);
  b[8] = 0x5f;
  return b;
};
const mainCpu = () => process.cpuUsage();
const opt = process.argv[2] === "append" ? { append: true } : undefined;
for (let c = 0; c < 40; c++) {
  const keys = [];
  for (let i = 0; i < 10000; i++) keys.push(rev(c * 10000 + i));
  const arena = Buffer.alloc(10000 * 304, 1);
  const u = mainCpu(),
    p = performance.now();
  root.transactionSync(() => {
    for (let i = 0; i < 10000; i++) t.put(keys[i], arena.subarray(i * 304, i * 304 + 304), opt);
  });
  const d = process.cpuUsage(u);
  if (c % 5 === 4)
    console.log(
      (performance.now() - p).toFixed(1),
      "ms user",
      d.user / 10000,
      "sys",
      d.system / 10000,
      "us/op",
    );
}
