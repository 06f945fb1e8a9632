import { versionText } from "../cli/version.js";
import { utlVerb } from "./context.js";

export const version = utlVerb({
  name: "version",
  usage: "version",
  summary: "Prints the version of kvorumutl",
  flags: {},
  async run({ io }) {
    io.stdout.write(versionText("etcdutl", "kvorumutl"));
  },
});
