import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

/** The pages as a test: what they link to and name must be there. */

const root = fileURLToPath(new URL("..", import.meta.url));

const pages = [
  ...readdirSync(root).filter((name) => name.endsWith(".md")),
  ...readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
].map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));

/** Folders from which a page may name a file in short, such as `consensus/proposer.ts`. */
const NAMED_FROM = ["", "packages", "packages/server/src", "packages/mvcc/src"];

/** Flags that belong to other programs. */
const FOREIGN_FLAGS = new Set(["disable-console-intercept"]);

/** All that the programs of the workspace are made of, as one text. */
function programs(): string {
  const folders = [
    "scripts",
    "bench/src",
    ...["server", "ctl"].flatMap((name) => [`packages/${name}/src`, `packages/${name}/bin`]),
  ];
  return folders
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
        .filter((name) => /\.(ts|mjs|js)$/.test(name) && !name.endsWith(".test.ts"))
        .map((name) => readFileSync(join(root, folder, name), "utf8")),
    )
    .join("\n");
}

/** The anchor that a reader's page gives a heading. */
function anchorOf(heading: string): string {
  const kept = heading.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "");
  return kept.trim().replaceAll(" ", "-");
}

function anchorsOf(text: string): Set<string> {
  return new Set([...text.matchAll(/^#+ (.*)$/gm)].map((match) => anchorOf(match[1]!)));
}

describe.each(pages)("$path", ({ path, text }) => {
  test("links to pages and headings that are there", () => {
    const broken = [...text.matchAll(/\]\(([^)\s]+)\)/g)]
      .map((match) => match[1]!)
      .filter((link) => !/^https?:/.test(link))
      .filter((link) => {
        const [file, anchor] = link.split("#");
        const target = file === "" ? path : join(dirname(path), file!);
        if (!existsSync(join(root, target))) return true;
        if (anchor === undefined) return false;
        return !anchorsOf(readFileSync(join(root, target), "utf8")).has(anchor);
      });
    expect(broken).toEqual([]);
  });

  test("names source files that are there", () => {
    const missing = [...text.matchAll(/(?<![\w./-])((?:[\w-]+\/)+[\w.-]+\.(?:ts|mjs))\b/g)]
      .map((match) => match[1]!)
      .filter((file) => !NAMED_FROM.some((folder) => existsSync(join(root, folder, file))));
    expect(missing).toEqual([]);
  });

  test("names flags that a program of the workspace knows", () => {
    const known = programs();
    const unknown = [...text.matchAll(/(?<![\w-])--([a-z][a-z0-9-]+)/g)]
      .map((match) => match[1]!)
      .filter((flag) => !FOREIGN_FLAGS.has(flag))
      .filter((flag) => !new RegExp(`(["'\`]|--|^\\s+)${flag}(?![a-z0-9-])`, "m").test(known));
    expect([...new Set(unknown)]).toEqual([]);
  });

  test("tells nothing of the machine it was written on", () => {
    expect(text.match(/\/(work|tmp|root|home)\/\S*/g) ?? []).toEqual([]);
  });
});
