// Generates packages/api/src/gen from packages/api/proto: buf drives ts-proto, then one helper of
// the generated code is replaced. ts-proto refuses an int64 above 2^53-1; etcd's clients do send
// such numbers (a limit or revision of MaxInt64), so ours saturates instead.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";

const api = new URL("../packages/api/", import.meta.url);
const gen = new URL("src/gen/", api);
rmSync(gen, { recursive: true, force: true });
execFileSync("npx", ["--no-install", "buf", "generate"], { cwd: api, stdio: "inherit" });

const helper = /function longToNumber\(int64[\s\S]*?\n}\n/;
for (const name of readdirSync(gen, { recursive: true })) {
  if (!name.endsWith(".ts")) continue;
  const file = new URL(name, gen);
  let text = readFileSync(file, "utf8");
  if (helper.test(text)) {
    text = text.replace(helper, "");
    const depth = "../".repeat(name.split("/").length);
    text = text.replace(
      /(import \{ BinaryReader.*\n)/,
      `$1import { int64ToNumber as longToNumber } from "${depth}int64.js";\n`,
    );
  }
  // Within a oneof, ts-proto declares a JS_NUMBER field as a number but writes it as a bigint.
  text = text.replace(
    /(case "(?:version|createRevision|modRevision)":\n)(\s*)if \(BigInt.asIntN[\s\S]*?\n\2}\n(.*)\.int64\((message\.targetUnion\.value)\)/g,
    "$1$3.int64(BigInt($4))",
  );
  writeFileSync(file, text);
}
