import { badArguments } from "../cli/ctl-error.js";

/** The one argument of a verb about a user or a role. @throws CtlError "badArguments" */
export function onlyName(group: "user" | "role", verb: string, args: readonly string[]): string {
  const [name] = args;
  if (name === undefined || args.length > 1) {
    throw badArguments(`${group} ${verb} command requires ${group} name as its argument`);
  }
  return name;
}
