import { flagLines } from "../cli/help.js";
import { ctlVerb } from "./context.js";
import { globals } from "./globals.js";

export const options = ctlVerb({
  name: "options",
  usage: "options",
  summary: "Prints the flags that every command takes",
  flags: {},
  async run({ io }) {
    io.stdout.write(`${flagLines(globals, "kvorumctl").join("\n")}\n`);
  },
});
