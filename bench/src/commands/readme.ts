import type { CommandLine } from "./flags.js";

export async function readme(_line: CommandLine): Promise<number> {
  return 0;
}
