import { ClientError } from "@kvorum/client";
import { Command, CommanderError, Option } from "commander";
import { CtlError, ExitCode, failure } from "./ctl-error.js";
import { readEnvironment } from "./environment.js";
import { type Flags, type FlagValue, parseFlag } from "./flags.js";
import { flagHelp, usageHelp } from "./help.js";
import type { Io } from "./io.js";
import { logLine } from "./log-line.js";
import { type Scanned, scanArguments } from "./scan-arguments.js";
import { type Entry, isGroup, type Verb } from "./verb.js";

/** A command-line tool: its words, and how a verb gets what it works with. */
export interface Tool<Context> {
  readonly name: string;
  readonly summary: string;
  readonly entries: readonly Entry<Context>[];
  readonly globals: Flags;
  /** Prefixes of environment variables that stand for global flags. */
  readonly environmentPrefixes: readonly string[];
  /** Opens what a verb needs; `globals` holds a value for each global flag. */
  createContext(io: Io, globals: GlobalValues): Context;
  closeContext(context: Context): void;
}

export interface GlobalValues {
  readonly values: ReadonlyMap<string, FlagValue>;
  /** Whether the flag stands on the command line or in the environment. */
  isSet(name: string): boolean;
}

/** Runs the command that `words` (without the program's name) asks for; resolves to the exit code. */
export async function runTool<Context>(
  tool: Tool<Context>,
  words: readonly string[],
  io: Io,
): Promise<number> {
  let usage: string | undefined;
  try {
    const scanned = scanArguments(tool, words);
    const root = buildProgram(tool, io, scanned);
    const called = findCommand(root, scanned.path.slice(1));
    usage = usageHelp(called, called.createHelp());
    await root.parseAsync([...scanned.path.slice(1), ...scanned.flags, "--", ...scanned.args], {
      from: "user",
    });
    return ExitCode.ok;
  } catch (error) {
    return report(error, io, usage);
  }
}

function report(error: unknown, io: Io, usage = ""): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return ExitCode.ok;
    const unknown = /^error: unknown option '([^']*)'/.exec(error.message);
    const text = unknown ? `unknown flag: ${unknown[1]!.replace(/=.*/s, "")}` : error.message;
    io.stderr.write(`Error: ${text.replace(/^error: /, "")}\n${usage}`);
    return ExitCode.error;
  }
  // What a request failed with, unless its verb has more to say of it.
  if (error instanceof ClientError) return report(failure("error", error), io, usage);
  if (!(error instanceof CtlError)) throw error;
  warnOfReason(error, io);
  if (error.message !== "") io.stderr.write(`Error: ${error.message}\n`);
  if (error.help !== undefined) io.stderr.write(error.help);
  else if (error.message.startsWith("invalid argument ")) io.stderr.write(usage);
  return error.exitCode;
}

/** A deadline that passed says nothing about why; the last attempt does. */
function warnOfReason({ cause }: CtlError, io: Io): void {
  if (!(cause instanceof ClientError) || cause.code !== "DEADLINE_EXCEEDED") return;
  const { cause: last } = cause;
  if (!(last instanceof ClientError)) return;
  if (io.stderr.isTerminal) io.stderr.write(`The last attempt failed: ${last.message}\n`);
  else logLine(io, "warn", "retrying of unary invoker failed", { error: last.message });
}

function buildProgram<Context>(tool: Tool<Context>, io: Io, scanned: Scanned<Context>): Command {
  const root = plainCommand(tool.name, io).description(tool.summary);
  addFlags(root, tool.globals, true);
  for (const entry of tool.entries) {
    if (!isGroup(entry)) {
      root.addCommand(buildVerb(tool, entry, io, scanned));
      continue;
    }
    const group = plainCommand(entry.name, io).summary(entry.summary).description(entry.summary);
    addFlags(group, tool.globals, true);
    for (const verb of entry.verbs) group.addCommand(buildVerb(tool, verb, io, scanned));
    root.addCommand(group);
    showHelpWithoutVerb(group, io);
  }
  showHelpWithoutVerb(root, io);
  return root;
}

function findCommand(root: Command, path: readonly string[]): Command {
  return path.reduce((found, name) => {
    return found.commands.find((command) => command.name() === name) ?? found;
  }, root);
}

function showHelpWithoutVerb(command: Command, io: Io): void {
  command.action(() => io.stdout.write(command.helpInformation()));
}

function plainCommand(name: string, io: Io): Command {
  return (
    new Command(name)
      .helpCommand(false)
      .helpOption(false)
      .option("--help <bool>")
      .exitOverride()
      // Every command has the global flags itself, so none may take another one's.
      .enablePositionalOptions()
      .configureOutput({
        writeOut: (text) => io.stdout.write(text),
        writeErr: () => undefined,
        outputError: () => undefined,
      })
      .configureHelp({
        formatHelp: (command, helper) => flagHelp(command, helper),
      })
  );
}

function buildVerb<Context>(
  tool: Tool<Context>,
  verb: Verb<Context>,
  io: Io,
  scanned: Scanned<Context>,
): Command {
  const command = plainCommand(verb.name, io)
    .summary(verb.summary)
    .description(verb.description ?? verb.summary)
    .usage(verb.usage)
    .argument("[args...]");
  if (verb.aliases !== undefined) command.aliases([...verb.aliases]);
  addFlags(command, verb.flags, false);
  addFlags(command, tool.globals, true);
  return command.action(async (args: string[]) => {
    if (command.getOptionValue("help") !== undefined) {
      io.stdout.write(command.helpInformation());
      return;
    }
    const context = tool.createContext(io, globalValues(tool, command, io));
    try {
      const flags = Object.fromEntries(readFlags(command, verb.flags));
      await verb.run(context, { args, flags, separator: scanned.separator });
    } finally {
      tool.closeContext(context);
    }
  });
}

function addFlags(command: Command, flags: Flags, isHidden: boolean): void {
  for (const [name, flag] of Object.entries(flags)) {
    const short = flag.shorthand === undefined ? "" : `-${flag.shorthand}, `;
    const option = new Option(`${short}--${name} <${flag.type}>`, flag.usage);
    // For commander "--no-password" would mean that "--password" is off.
    option.negate = false;
    option.argParser((text: string, previous: FlagValue | undefined) => {
      const value = parseFlag(name, flag, text);
      return Array.isArray(value) && Array.isArray(previous) ? [...previous, ...value] : value;
    });
    command.addOption(isHidden || flag.isHidden ? option.hideHelp() : option);
  }
}

function readFlags(command: Command, flags: Flags): Map<string, FlagValue> {
  const values = new Map<string, FlagValue>();
  for (const [name, flag] of Object.entries(flags)) {
    values.set(name, optionValue(command, name) ?? flag.initial);
  }
  return values;
}

function optionValue(command: Command, name: string): FlagValue | undefined {
  return command.getOptionValue(camelCase(name)) as FlagValue | undefined;
}

/** The name under which commander keeps an option's value. */
function camelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function globalValues<Context>(tool: Tool<Context>, command: Command, io: Io): GlobalValues {
  const names = Object.keys(tool.globals);
  const given = new Set(names.filter((name) => optionValue(command, name) !== undefined));
  const fromEnvironment = readEnvironment(io.env, {
    prefixes: tool.environmentPrefixes,
    flags: tool.globals,
    given,
  });
  const values = new Map([...readFlags(command, tool.globals), ...fromEnvironment]);
  return { values, isSet: (name) => given.has(name) || fromEnvironment.has(name) };
}
