import { goQuote } from "@kvorum/base";
import { badArguments } from "../cli/ctl-error.js";
import { parseInteger, saturated } from "../cli/flags.js";

/** A lease id in hex. @throws CtlError "badArguments" with `what` in front */
export function parseLease(text: string, what: string): bigint {
  const id = parseInteger(text, { base: 16, isSigned: true, bits: 64 });
  if (typeof id === "bigint") return id;
  throw badArguments(`${what} (${reason("ParseInt", text, id)}), expecting ID in Hex`);
}

/** A member id in hex. @throws CtlError "badArguments" */
export function parseMember(text: string): bigint {
  const id = parseInteger(text, { base: 16, isSigned: false, bits: 64 });
  if (typeof id === "bigint") return id;
  throw badArguments(`bad member ID arg (${reason("ParseUint", text, id)}), expecting ID in Hex`);
}

/** A decimal int64; a text with the reason when it is none. */
export function parseDecimal(text: string): number | { readonly fault: string } {
  const value = parseInteger(text, { base: 10, isSigned: true, bits: 64 });
  return typeof value === "bigint" ? saturated(value) : { fault: reason("ParseInt", text, value) };
}

/** Go's text for a number that can't be read. */
export function reason(what: string, text: string, why: string): string {
  return `strconv.${what}: parsing ${goQuote(text)}: ${why}`;
}
