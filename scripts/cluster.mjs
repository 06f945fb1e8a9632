// `npm run cluster`: three members on this machine, until Ctrl-C.
//   npm run cluster -- --backends lmdb,leveldb,sqlite --size 3 --data-dir kvorum-cluster.etcd
// Other flags go to every member: npm run cluster -- --log-level info
import { spawn } from "node:child_process";
import { get } from "node:http";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { root, setup } from "./setup.mjs";

const SIZES = [1, 3, 5];
const READY_WITHIN_MS = 60_000;
const PORT_MAX = 65_535;
const USAGE = `Usage: npm run cluster -- [options] [flags of kvorum for every member]
  --backends A,B,…  storage engines: one for all, or one for each member (default lmdb)
  --size N          members: ${SIZES.join(", ")} (default 3)
  --data-dir DIR    one directory a member is made in it (default kvorum-cluster.etcd)
  --base-port N     ports N, N+1, …, two a member; 0 takes free ones (default 2379, 2380,
                    22379, 22380, 32379, 32380, …)
`;

/** Splits the command line into this script's options and what the members get. */
function readArguments(args) {
  const options = {
    backends: { type: "string", default: "lmdb" },
    size: { type: "string", default: "3" },
    "data-dir": { type: "string", default: "kvorum-cluster.etcd" },
    "base-port": { type: "string" },
    help: { type: "boolean", short: "h" },
  };
  const { values, tokens } = parseArgs({ args, options, strict: false, tokens: true });
  const mine = new Set();
  for (const token of tokens) {
    if (token.kind === "option-terminator") mine.add(token.index);
    if (token.kind !== "option" || !Object.hasOwn(options, token.name)) continue;
    mine.add(token.index);
    if (options[token.name].type === "string" && !token.inlineValue) mine.add(token.index + 1);
  }
  return { values, rest: args.filter((_, index) => !mine.has(index)) };
}

function fail(message) {
  process.stderr.write(`${message}\n\n${USAGE}`);
  process.exit(2);
}

function readSettings() {
  const { values, rest } = readArguments(process.argv.slice(2));
  if (values.help) {
    process.stdout.write(USAGE);
    process.exit(0);
  }
  const size = Number(values.size);
  if (!SIZES.includes(size)) fail(`--size must be one of ${SIZES.join(", ")}, not ${values.size}`);
  const named = String(values.backends).split(",").filter(Boolean);
  if (named.length !== 1 && named.length !== size) {
    fail(`--backends names ${named.length} engines for ${size} members`);
  }
  const basePort = values["base-port"] === undefined ? undefined : Number(values["base-port"]);
  const basePortMax = PORT_MAX + 1 - 2 * size;
  if (
    basePort !== undefined &&
    !(Number.isInteger(basePort) && basePort >= 0 && basePort <= basePortMax)
  ) {
    fail(`--base-port must be a number from 0 to ${basePortMax}, not ${values["base-port"]}`);
  }
  const engines = Array.from({ length: size }, (_, i) => named[i] ?? named[0]);
  return { size, engines, basePort, dataDir: resolve(String(values["data-dir"])), rest };
}

/** Resolves to a port that is free now; held until all are chosen, so that all differ. */
function holdFreePort() {
  return new Promise((done, failed) => {
    const server = createServer();
    server.once("error", failed);
    server.listen(0, "127.0.0.1", () => done(server));
  });
}

async function choosePorts({ size, basePort }) {
  if (basePort === 0) {
    const held = await Promise.all(Array.from({ length: 2 * size }, holdFreePort));
    const ports = held.map((server) => server.address().port);
    await Promise.all(held.map((server) => new Promise((closed) => server.close(closed))));
    return Array.from({ length: size }, (_, i) => [ports[2 * i], ports[2 * i + 1]]);
  }
  // The ports of etcd's own example: 2379, 22379, 32379, …
  const first = (i) => (i === 0 ? 2379 : 12379 + 10_000 * i);
  return Array.from({ length: size }, (_, i) =>
    basePort === undefined ? [first(i), first(i) + 1] : [basePort + 2 * i, basePort + 2 * i + 1],
  );
}

const COLOURS = [36, 33, 35, 32, 34];
const colours = process.stdout.isTTY && process.env.NO_COLOR === undefined;
const paint = (code, text) => (colours ? `\u001b[${code}m${text}\u001b[0m` : text);

/** Writes a member's lines behind its name, whole lines only. */
function follow(stream, output, prefix) {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    for (const line of lines) output.write(`${prefix} ${line}\n`);
  });
  stream.on("end", () => {
    if (rest !== "") output.write(`${prefix} ${rest}\n`);
  });
}

function startMember(settings, ports, i) {
  const name = `infra${i}`;
  const [clientPort, peerPort] = ports[i];
  const client = `http://127.0.0.1:${clientPort}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  const members = ports.map(([, port], j) => `infra${j}=http://127.0.0.1:${port}`).join(",");
  const given = (flag) => settings.rest.some((word) => word.replace(/^--?/, "").startsWith(flag));
  const child = spawn(
    process.execPath,
    [
      join(root, "packages", "server", "bin", "kvorum.js"),
      ...["--name", name, "--backend", settings.engines[i]],
      ...["--data-dir", join(settings.dataDir, name)],
      ...["--listen-client-urls", client, "--advertise-client-urls", client],
      ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer],
      ...["--initial-cluster", members, "--initial-cluster-token", "kvorum-cluster"],
      ...(given("log-") ? [] : ["--log-format", "console", "--log-level", "warn"]),
      ...settings.rest,
    ],
    // A group of its own: a terminal's Ctrl-C reaches this script, which asks each member once.
    { stdio: ["ignore", "pipe", "pipe"], detached: true },
  );
  const prefix = paint(COLOURS[i % COLOURS.length], `${name} |`);
  follow(child.stdout, process.stdout, prefix);
  follow(child.stderr, process.stderr, prefix);
  const exited = new Promise((done) => {
    child.once("exit", (code, signal) => done({ code, signal }));
    child.once("error", (error) => done({ code: 1, signal: null, error }));
  });
  return { name, child, client, engine: settings.engines[i], exited, prefix, hasEnded: false };
}

function isHealthy(url) {
  return new Promise((done) => {
    const request = get(`${url}/health`, { timeout: 1_000 }, (response) => {
      response.resume();
      done(response.statusCode === 200);
    });
    request.once("error", () => done(false));
    request.once("timeout", () => request.destroy());
  });
}

async function untilHealthy(members, isOver) {
  const deadline = Date.now() + READY_WITHIN_MS;
  for (;;) {
    if (isOver()) return false;
    const answers = await Promise.all(members.map(({ client }) => isHealthy(client)));
    if (answers.every(Boolean)) return true;
    if (Date.now() > deadline) return false;
    await new Promise((wake) => setTimeout(wake, 100));
  }
}

function banner(members, dataDir) {
  const endpoints = members.map(({ client }) => client.slice("http://".length)).join(",");
  return [
    "",
    `  A Kvorum cluster of ${members.length} serves etcd's v3 API`,
    ...members.map(({ name, client, engine }) => `  ${name}     ${client}  on ${engine}`),
    `  data       ${dataDir}`,
    `  try        npx kvorumctl --endpoints ${endpoints} put hello world`,
    `             npx kvorumctl --endpoints ${endpoints} endpoint status -w table`,
    "  stop       Ctrl-C",
    "",
    "",
  ].join("\n");
}

const settings = readSettings();
setup();
const ports = await choosePorts(settings);
const members = ports.map((_, i) => startMember(settings, ports, i));
const running = () => members.filter(({ hasEnded }) => !hasEnded);
let isStopping = false;
let isServing = false;

/** Asks every member to stop; asked again, ends them at once. */
async function stop(status) {
  if (isStopping) {
    for (const { child } of running()) child.kill("SIGKILL");
    return;
  }
  isStopping = true;
  process.exitCode = status;
  // One after the other, so that a leader still finds a member to hand over to.
  for (const { child, exited } of running()) {
    child.kill("SIGTERM");
    await exited;
  }
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => void stop(0));

for (const member of members) {
  void member.exited.then(({ code, signal, error }) => {
    member.hasEnded = true;
    const how = error === undefined ? `with ${signal ?? `status ${code}`}` : error.message;
    process.stdout.write(`${member.prefix} ended ${how}\n`);
    // A cluster goes on without one member, but one that never served has a mistake to mend.
    if (!isStopping && (!isServing || running().length === 0)) void stop(1);
  });
}

isServing = await untilHealthy(members, () => isStopping);
if (isServing) process.stdout.write(banner(members, settings.dataDir));
else if (!isStopping) {
  process.stderr.write(`the cluster did not get healthy within ${READY_WITHIN_MS / 1000} s\n`);
  void stop(1);
}
