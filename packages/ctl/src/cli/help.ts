import type { Command, Help, Option } from "commander";
import type { Flags } from "./flags.js";

/** The help of a command in the layout that etcd's tools have (cobra's). */
export function flagHelp(command: Command, helper: Help): string {
  return `${command.description()}\n\n${usageHelp(command, helper)}`;
}

/** The part that also follows a flag's error. */
export function usageHelp(command: Command, helper: Help): string {
  const path = pathOf(command);
  const lines = ["Usage:"];
  const verbs = [...helper.visibleCommands(command)];
  verbs.sort((left, right) => (left.name() < right.name() ? -1 : 1));
  lines.push(verbs.length > 0 ? `  ${path} [command]` : `  ${usageOf(command)} [flags]`);
  if (verbs.length > 0) {
    lines.push("", "Available Commands:");
    const width = Math.max(...verbs.map((verb) => verb.name().length), 11);
    for (const verb of verbs) lines.push(`  ${verb.name().padEnd(width)} ${verb.summary()}`);
  }
  const options = helper.visibleOptions(command).filter((option) => option.long !== "--help");
  lines.push("", "Flags:", ...flagLines(flagsOf(options), command.name()));
  if (verbs.length > 0) {
    lines.push("", `Use "${path} [command] --help" for more information about a command.`);
  }
  const root = rootOf(command);
  if (root.commands.some((verb) => verb.name() === "options")) {
    lines.push(`Use "${root.name()} options" for a list of the flags that every command takes.`);
  }
  return `${lines.join("\n")}\n`;
}

function rootOf(command: Command): Command {
  return command.parent === null ? command : rootOf(command.parent);
}

function flagsOf(options: readonly Option[]): Flags {
  const entries = options.map((option) => {
    const type = (/<(.*)>/.exec(option.flags)?.[1] ?? "bool") as Flags[string]["type"];
    const shorthand = option.short?.slice(1);
    const flag = { type, initial: "", usage: option.description };
    return [option.long!.slice(2), shorthand === undefined ? flag : { ...flag, shorthand }];
  });
  return Object.fromEntries(entries);
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

function usageOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.usage()}`;
}

/** One flag a line, sorted, in columns. */
export function flagLines(flags: Flags, name: string): string[] {
  const rows = Object.entries(flags).map(([flag, { shorthand, type, usage }]) => {
    const short = shorthand === undefined ? "    " : `-${shorthand}, `;
    return { left: `${short}--${flag}${type === "bool" ? "" : ` ${type}`}`, right: usage };
  });
  rows.push({ left: "-h, --help", right: `help for ${name}` });
  rows.sort((left, right) => (left.left.slice(4) < right.left.slice(4) ? -1 : 1));
  const width = Math.max(...rows.map((row) => row.left.length));
  return rows.map(({ left, right }) => `  ${left.padEnd(width)}   ${right}`);
}
