import { flags } from "./flags.js";

/** A command line as anybody may see it: the values of secret flags are "(hidden)". */
export function hideSecrets(argv: readonly string[]): readonly string[] {
  const secrets = flags.filter((flag) => flag.secret).map((flag) => flag.name as string);
  return argv.map((argument, index) => {
    const name = argument.replace(/^--?/, "").split("=", 1)[0]!;
    if (argument.includes("=") && secrets.includes(name)) {
      return `${argument.slice(0, argument.indexOf("="))}=(hidden)`;
    }
    const previous = argv[index - 1]?.replace(/^--?/, "");
    return previous !== undefined && secrets.includes(previous) ? "(hidden)" : argument;
  });
}
