import { CtlError } from "../cli/ctl-error.js";

/** What --consistency says. @throws CtlError "badFeature" */
export function isSerializable(text: string): boolean {
  if (text === "s") return true;
  if (text === "l") return false;
  throw new CtlError("badFeature", `unknown consistency flag "${text}"`);
}
