import { versionText } from "../cli/version.js";
import { ctlVerb } from "./context.js";

export const version = ctlVerb({
  name: "version",
  usage: "version",
  summary: "Prints the version of kvorumctl",
  flags: {},
  async run({ io }) {
    io.stdout.write(versionText("etcdctl", "kvorumctl"));
  },
});
