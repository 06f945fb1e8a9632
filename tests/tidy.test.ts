import { readdirSync, readFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

/** The house style as a test: the import graph, sizes, names, and what only adapters may touch. */

const root = fileURLToPath(new URL("..", import.meta.url));

/** A package may import what stands here, and nothing else of the workspace. */
const ARROWS: Record<string, readonly string[]> = {
  base: [],
  api: ["base"],
  raft: ["base"],
  backends: ["base"],
  mvcc: ["base", "api", "backends"],
  grpc: ["base"],
  server: ["base", "api", "raft", "backends", "mvcc", "grpc"],
  client: ["base", "api"],
  ctl: ["base", "api", "backends", "client", "server"],
  bench: ["base", "api", "backends", "mvcc", "raft", "grpc", "server"],
};

const LINES_MAX = 400;
/** Tables, which read best in one piece. */
const LONG_FILES: readonly string[] = [];

/** Adapters of the ports, and packages that own their IO; everything else goes through ports. */
const MAY_TOUCH_THE_WORLD = [
  /^packages\/base\/src\/node\//,
  /^packages\/base\/src\/node\.ts$/,
  /^packages\/backends\/src\//,
  /^packages\/grpc\/src\//,
  /^packages\/client\/src\//,
  /^packages\/ctl\/src\//,
  /^bench\/src\//,
  /^packages\/server\/src\/(main|host|client-listener|held-port)/,
  /^packages\/server\/src\/(observe|http|tls)\//,
  /^packages\/server\/src\/peer\/(dialer|peer-listener)\.ts$/,
  /^packages\/server\/src\/discovery\/(etcd-kv|node-dns)\.ts$/,
  // Asks whether an address is one, and which the machine has: facts of text and host, no traffic.
  /^packages\/server\/src\/config\/(validate|default-host)\.ts$/,
];

interface Source {
  readonly path: string;
  readonly package: string;
  readonly text: string;
  readonly isTest: boolean;
}

/** The bench stands beside the packages. */
function folderOf(name: string): string {
  return name === "bench" ? "bench" : `packages/${name}`;
}

function sources(): Source[] {
  const found: Source[] = [];
  for (const name of Object.keys(ARROWS)) {
    const base = join(root, folderOf(name), "src");
    for (const file of readdirSync(base, { recursive: true, encoding: "utf8" })) {
      if (!file.endsWith(".ts") || file.startsWith("gen/")) continue;
      found.push({
        path: relative(root, join(base, file)),
        package: name,
        text: readFileSync(join(base, file), "utf8"),
        isTest: /\.test\.ts$|(^|\/)test-|(^|\/)testing\//.test(file),
      });
    }
  }
  return found;
}

const all = sources();
const shipped = all.filter((source) => !source.isTest);

function importsOf(source: Source): string[] {
  return [...source.text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((match) => match[1]!);
}

/** The files of the workspace that the file imports, for values or for types alone. */
function filesImportedBy(source: Source): string[] {
  return importsOf(source)
    .filter((name) => name.startsWith("."))
    .map((name) => relative(root, join(root, source.path, "..", name)).replace(/\.js$/, ".ts"));
}

/** The lines that are no comments. */
function codeLines(text: string): string[] {
  return text.split("\n").filter((line) => !/^\s*(\*|\/\/|\/\*)/.test(line));
}

describe("the import graph", () => {
  test("a package imports only what its arrow names", () => {
    const wrong = shipped.flatMap((source) =>
      importsOf(source)
        .map((name) => /^@kvorum\/([a-z]+)/.exec(name)?.[1])
        .filter((name) => name !== undefined)
        .filter((name) => !ARROWS[source.package]!.includes(name))
        .map((name) => `${source.path} imports ${name}`),
    );
    expect(wrong).toEqual([]);
  });

  test("no file reaches into another package by a relative path", () => {
    const wrong = all.flatMap((source) =>
      importsOf(source)
        .filter((name) => name.startsWith("."))
        .filter((name) => {
          const target = relative(root, join(root, source.path, "..", name));
          return !target.startsWith(`${folderOf(source.package)}/`);
        })
        .map((name) => `${source.path} imports ${name}`),
    );
    expect(wrong).toEqual([]);
  });

  test("consensus imports nothing of Node", () => {
    const wrong = shipped
      .filter((source) => source.package === "raft")
      .filter((source) => importsOf(source).some((name) => name.startsWith("node:")));
    expect(wrong.map((source) => source.path)).toEqual([]);
  });

  test("the store takes only types from the engines' package", () => {
    const wrong = shipped
      .filter((source) => source.package === "mvcc")
      .filter((source) => /^import (?!type )[^;]*"@kvorum\/backends"/m.test(source.text));
    expect(wrong.map((source) => source.path)).toEqual([]);
  });

  test("no file imports itself in a circle, be it for types alone", () => {
    const targets = new Map(all.map((source) => [source.path, filesImportedBy(source)]));
    const done = new Set<string>();
    const circles: string[] = [];
    const visit = (path: string, trail: readonly string[]): void => {
      if (trail.includes(path)) circles.push([...trail, path].join(" -> "));
      if (done.has(path)) return;
      done.add(path);
      for (const target of targets.get(path) ?? []) visit(target, [...trail, path]);
    };
    for (const path of targets.keys()) visit(path, []);
    expect(circles).toEqual([]);
  });

  test("an index stands only at a package's entry and names what it exports", () => {
    const entry = /^packages\/[a-z]+\/src\/(index|(conformance|boltfile|storage)\/index)\.ts$/;
    const indexes = shipped.filter((source) => basename(source.path) === "index.ts");
    expect(indexes.filter((source) => !entry.test(source.path)).map(({ path }) => path)).toEqual(
      [],
    );
    const stars = shipped.filter((source) => /^export \* from/m.test(source.text));
    expect(stars.map((source) => source.path)).toEqual([]);
  });
});

describe("files", () => {
  test(`have at most ${LINES_MAX} lines`, () => {
    const long = all
      .filter((source) => !LONG_FILES.includes(source.path))
      .filter((source) => source.text.split("\n").length > LINES_MAX + 1);
    expect(long.map((source) => source.path)).toEqual([]);
  });

  test("have kebab-case names", () => {
    const wrong = all.filter(
      ({ path }) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)?(\.test)?\.ts$/.test(basename(path)),
    );
    expect(wrong.map((source) => source.path)).toEqual([]);
  });

  test("leave time, files and sockets to the adapters", () => {
    const world =
      /\b(Date\.now|performance\.now|Math\.random|setTimeout|setInterval|setImmediate)\(|from "node:(fs|fs\/promises|net|tls|http|http2|dgram|child_process)"/;
    const wrong = shipped
      .filter(({ path }) => !MAY_TOUCH_THE_WORLD.some((allowed) => allowed.test(path)))
      .filter(({ text }) =>
        codeLines(text).some((line) => !line.startsWith("import type") && world.test(line)),
      );
    expect(wrong.map((source) => source.path)).toEqual([]);
  });

  test("hold no loosened place", () => {
    const loose =
      /@ts-ignore|@ts-expect-error|\bas any\b|\b(TODO|FIXME)\b|\b(test|it|describe)\.(skip|only)\(/;
    const wrong = all.filter(({ text }) => codeLines(text).some((line) => loose.test(line)));
    expect(wrong.map((source) => source.path)).toEqual([]);
  });
});
