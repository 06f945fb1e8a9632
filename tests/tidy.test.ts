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

const FUNCTION_LINES_MAX = 70;
/** A table as a function, since each of its rows is an object of its own. */
const LONG_FUNCTIONS: readonly string[] = ["createLabelledFamilies"];
/** Suites of tests that are shipped: the cases of one stand in one function. */
const SUITE = /^packages\/backends\/src\/conformance\//;

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

interface Extent {
  /** The line in which it begins. */
  readonly head: string;
  readonly lines: number;
}

const FUNCTION_HEAD = /=> \{$|^(export )?(default )?(async )?function\b/;
const METHOD_HEAD = /^((private|static|async|get|set) |\*)*#?\w+(<.*)?\(/;
const STATEMENT = /^(if|for|while|switch|catch)\b/;

/**
 * The functions of a file, arrows and methods included, by their indentation, which the formatter
 * keeps: a block ends with the next brace that stands where the line with its beginning does.
 *
 * ```
 *  function f(        <- head: a parameter list of several lines begins here
 *  ) {                <- the body begins
 *  }
 * ```
 */
function functionsOf(text: string): Extent[] {
  const lines = text.split("\n");
  const indents = lines.map((line) => line.search(/\S/));
  const found: Extent[] = [];
  for (const [i, line] of lines.entries()) {
    if (!line.endsWith("{")) continue;
    const isAt = (at: number) => indents[at] === indents[i];
    let first = i;
    if (/^\s*[)}]/.test(line)) {
      do first--;
      while (first > 0 && (!isAt(first) || /^\s*[)}]/.test(lines[first]!)));
    }
    const head = lines[first]!.trim();
    const isMethod = METHOD_HEAD.test(head) && !STATEMENT.test(head);
    if (!FUNCTION_HEAD.test(line.trim()) && !FUNCTION_HEAD.test(head) && !isMethod) continue;
    const end = lines.findIndex((other, at) => at > i && isAt(at) && other.trim().startsWith("}"));
    // The brace may be that of a type, and the body comes behind it: it is found by itself.
    found.push({ head, lines: end - first + 1 });
  }
  return found;
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

  test("are looked through for functions of every form", () => {
    const body = `${"    x;\n".repeat(8)}  }`;
    const heads = [
      "  function f(a: A): B {",
      "  export async function f(\n    a: A,\n  ): {\n    b: 1;\n  } {",
      "  constructor(options: {\n    readonly a: A;\n  }) {",
      "  readonly f = async (\n    a: A,\n  ) => {",
      "  static async #f<A>(a: A): Promise<void> {",
    ];
    const found = heads.map((head) => functionsOf(`${head}\n${body}`).at(-1)?.lines);
    expect(found).toEqual(heads.map((head) => head.split("\n").length + 9));
    expect(functionsOf(`  if (\n    a\n  ) {\n${body} else {\n${body}`)).toEqual([]);
  });

  test(`have functions of at most ${FUNCTION_LINES_MAX} lines`, () => {
    const long = shipped
      .filter(({ path }) => !SUITE.test(path))
      .flatMap(({ path, text }) =>
        functionsOf(text)
          .filter(({ lines }) => lines > FUNCTION_LINES_MAX)
          .filter(({ head }) => !LONG_FUNCTIONS.some((name) => head.includes(` ${name}(`)))
          .map(({ head, lines }) => `${path}: ${head} ${lines} lines`),
      );
    expect(long).toEqual([]);
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
