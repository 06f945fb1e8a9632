import Database from "better-sqlite3";

const c = new Database("/tmp/engb/scan-sqlite-500000/data.sqlite", { readonly: true });
c.pragma("mmap_size=1073741824");
c.pragma("cache_size=-16384");
c.pragma("cell_size_check=ON");
const first = c.prepare("select key from key order by key limit 1").pluck().get();
const Q = (cols) =>
  c
    .prepare(
      `SELECT count(*), ${cols} FROM (SELECT key, value FROM "key" WHERE key > ? ORDER BY key LIMIT ?)`,
    )
    .raw();
const qs = {
  walk: Q("max(length(key))"),
  walksum: Q("sum(length(value))"),
  two: Q("group_concat(length(key) || ' ' || length(value), ' ')"),
  one: Q("group_concat(length(value) * 65536 + length(key), ' ')"),
  bytes: Q("CAST(group_concat(key || value, '') AS BLOB)"),
  both: Q(
    "group_concat(length(value) * 65536 + length(key), ' '), CAST(group_concat(key || value, '') AS BLOB)",
  ),
};
const keys = [];
let k = first;
for (let i = 0; i < 100; i++) {
  keys.push(k);
  const r = c
    .prepare("select key from key where key>? order by key limit 1 offset 3399")
    .pluck()
    .get(k);
  k = r;
}
for (let round = 0; round < 3; round++) {
  let s = "";
  for (const [n, q] of Object.entries(qs)) {
    const u = process.cpuUsage();
    let rows = 0;
    for (const k of keys) rows += q.get(k, 3400)[0];
    const d = process.cpuUsage(u);
    s += `${n} ${((d.user + d.system) / rows).toFixed(3)}  `;
  }
  console.log(s);
}
