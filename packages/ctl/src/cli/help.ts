import type { Command, Help, Option } from "commander";

/** The help of a command in the layout that etcd's tools have (cobra's). */
export function flagHelp(command: Command, helper: Help): string {
  const path = pathOf(command);
  const lines = [command.description(), "", "Usage:"];
  const verbs = helper.visibleCommands(command);
  lines.push(verbs.length > 0 ? `  ${path} [command]` : `  ${usageOf(command)} [flags]`);
  if (verbs.length > 0) {
    lines.push("", "Available Commands:");
    const width = Math.max(...verbs.map((verb) => verb.name().length), 11);
    for (const verb of verbs) lines.push(`  ${verb.name().padEnd(width)} ${verb.summary()}`);
  }
  const options = helper.visibleOptions(command).filter((option) => option.long !== "--help");
  lines.push("", "Flags:", ...flagLines(options, command.name()));
  if (verbs.length > 0) {
    lines.push("", `Use "${path} [command] --help" for more information about a command.`);
  }
  return `${lines.join("\n")}\n`;
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

function usageOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.usage()}`;
}

function flagLines(options: readonly Option[], name: string): string[] {
  const rows = options.map((option) => {
    const type = /<(.*)>/.exec(option.flags)?.[1] ?? "bool";
    const short = option.short === undefined ? "    " : `${option.short}, `;
    return { left: `${short}${option.long}${typeName(type)}`, right: option.description };
  });
  rows.push({ left: "-h, --help", right: `help for ${name}` });
  rows.sort((left, right) => (left.left.slice(4) < right.left.slice(4) ? -1 : 1));
  const width = Math.max(...rows.map((row) => row.left.length));
  return rows.map(({ left, right }) => `  ${left.padEnd(width)}   ${right}`);
}

function typeName(type: string): string {
  return type === "bool" ? "" : ` ${type}`;
}
