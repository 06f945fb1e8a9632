import { assert } from "@kvorum/base";
import { commands, type Words } from "./commands.js";
import { Environment } from "./environment.js";

/**
 * Runs a script and returns its whole transcript. A line that begins with a space is output of a
 * former run and is left out; comments and blank lines stay; every other line is a command.
 */
export function runScript(text: string): string {
  const environment = new Environment();
  const transcript: string[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith(" ")) continue;
    transcript.push(line);
    if (line === "" || line.startsWith("#")) continue;
    const [name, ...rest] = line.split(" ");
    const command = commands[name!];
    assert(command !== undefined, `unknown command: ${line}`);
    command(environment, parseWords(rest));
    transcript.push(...environment.takeLines().map((output) => `  ${output}`));
  }
  return transcript.join("\n");
}

function parseWords(words: readonly string[]): Words {
  const isOption = (word: string): boolean => word.includes("=");
  const options = words.filter(isOption).map((word): [string, string] => {
    const at = word.indexOf("=");
    return [word.slice(0, at), word.slice(at + 1)];
  });
  return { list: words.filter((word) => !isOption(word)), options: new Map(options) };
}
