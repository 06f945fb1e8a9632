import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeClock } from "@kvorum/base/node";
import { BenchError } from "../bench-error.js";
import type { ComparisonOptions, Session } from "./comparison-session.js";
import { describeLoad, describeMachine, describeTargets } from "./describe.js";
import { type Host, type HostOptions, startHost, stopHost } from "./host.js";
import { makeIdentity } from "./identity.js";
import { measureRun } from "./measure-run.js";
import type { Comparison } from "./run-record.js";
import { fillRow, type Row, type Setting } from "./settings.js";
import type { Target } from "./target.js";

/**
 * Compares servers on this machine. In each round every target gets a fresh data directory and is
 * filled; then each workload runs on one target after the other (A B C, in the next round B C A),
 * so that whatever else the machine does meets all of them alike.
 */
export function runComparison(options: ComparisonOptions): Promise<Comparison> {
  const steps = options.settings.map(({ rows }) => (rows.length + 1) * options.targets.length);
  const total = steps.reduce((sum, count) => sum + count, 0) * options.rounds;
  return inSession(options, total, async (session) => {
    for (let round = 0; round < options.rounds; round++) {
      for (const setting of options.settings) await runRound(session, setting, round);
    }
  });
}

/** Gives `work` a directory and certificates, and makes the report of what it has measured. */
export async function inSession(
  options: ComparisonOptions,
  steps: number,
  work: (session: Session) => Promise<void>,
): Promise<Comparison> {
  const directory = mkdtempSync(join(options.scratchDir ?? tmpdir(), "kvorum-bench-"));
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  // A run that is interrupted leaves nothing behind either; the servers have been ended by then.
  process.once("exit", remove);
  const startedAt = new Date(nodeClock.wallMs()).toISOString();
  const startMs = nodeClock.nowMs();
  let done = 0;
  try {
    const session: Session = {
      ...{ options, directory, runs: [], failures: [], commandLines: new Map() },
      identity: options.isSecure ? await makeIdentity(directory) : undefined,
      step: (what) => options.onStep(what, done++, steps),
    };
    await work(session);
    if (options.isInterrupted()) {
      const reason = `interrupted after ${done} of ${steps} steps`;
      session.failures.push({ workload: "the rest", target: "bench", round: 0, reason });
    } else options.onStep("done", steps, steps);
    return {
      ...{ kind: options.kind, command: options.command, startedAt },
      machine: describeMachine(),
      options: { ...describeLoad(options), tookSeconds: secondsSince(startMs) },
      targets: await describeTargets(session),
      workloads: options.settings.flatMap(({ rows }) => rows.map(reported)),
      runs: session.runs,
      failures: session.failures,
    };
  } finally {
    process.off("exit", remove);
    remove();
  }
}

/** Every target of one size, from its start to its end. */
async function runRound(session: Session, setting: Setting, round: number): Promise<void> {
  const { targets } = session.options;
  const first = round % targets.length;
  const order = [...targets.slice(first), ...targets.slice(0, first)];
  const directory = join(session.directory, `${round}-${setting.members}`);
  const filling = fillRow(setting);
  await withHosts(
    session,
    { targets: order, directory, members: setting.members },
    async (h) => {
      for (const row of setting.rows) {
        if (row === filling) continue;
        for (const host of h) await runRow(session, host, row, { round });
      }
    },
    filling && ((host) => runRow(session, host, filling, { round })),
  );
}

/**
 * Starts `targets` one after the other, prepares each (an unprepared one is left out), and ends all
 * of them behind `work`. A server that fails is a failure of its own and spares the others.
 */
export async function withHosts(
  session: Session,
  start: { readonly targets: readonly Target[] } & Pick<HostOptions, "directory" | "members">,
  work: (hosts: readonly Host[]) => Promise<void>,
  prepare?: (host: Host) => Promise<boolean>,
): Promise<void> {
  const { targets, directory, members } = start;
  const { identity, options } = session;
  mkdirSync(directory, { recursive: true });
  const hosts: Host[] = [];
  const ready: Host[] = [];
  const attempt = async (name: string, target: Target, what: () => Promise<void>) => {
    await what().catch((error: unknown) => fail(session, error, { name, target, round: 0 }));
  };
  try {
    for (const target of targets) {
      if (options.isInterrupted()) break;
      session.step(`${target.name}: start`);
      await attempt("start", target, async () => {
        const moreArgs = options.moreArgs ?? [];
        const host = await startHost(target, { directory, members, identity, moreArgs });
        hosts.push(host);
        noteCommandLine(session, host);
        if (prepare === undefined || (await prepare(host))) ready.push(host);
      });
    }
    await work(ready);
  } finally {
    for (const host of hosts) await attempt("stop", host.target, () => stopHost(host));
    rmSync(directory, { recursive: true, force: true });
  }
}

/** One run; false where it failed, was not made any more, or a reply was wrong. */
export async function runRow(
  session: Session,
  host: Host,
  row: Row,
  { round }: { readonly round: number },
): Promise<boolean> {
  if (session.options.isInterrupted()) return false;
  session.step(`${host.target.name}: ${row.name}`);
  const { workload, name, side } = row;
  const load = { ...session.options.load, ...row.load };
  if (workload.needsControl && !host.target.isPersistent) return true;
  try {
    const record = await measureRun(host, { workload, name, side, round, load });
    session.runs.push(record);
    return Object.keys(record.result.errors).length === 0;
  } catch (error) {
    fail(session, error, { name, target: host.target, round });
    return false;
  }
}

function fail(
  session: Session,
  error: unknown,
  { name, target, round }: { name: string; target: Target; round: number },
): void {
  if (!(error instanceof BenchError) || error.code === "USAGE") throw error;
  session.failures.push({ workload: name, target: target.name, round, reason: error.message });
}

function noteCommandLine({ commandLines, directory }: Session, host: Host): void {
  const lines = commandLines.get(host.target.name) ?? new Map<number, string>();
  commandLines.set(host.target.name, lines);
  const line = host.members[0]!.commandLine.replaceAll(directory, "DIR");
  if (!lines.has(host.members.length)) lines.set(host.members.length, line);
}

function secondsSince(startMs: number): number {
  return Math.round((nodeClock.nowMs() - startMs) / 1000);
}

/** A row as the report has it. */
function reported({ name, title, family, point }: Row): Comparison["workloads"][number] {
  return { name, title, ...(family && { family }), ...(point && { point }) };
}
