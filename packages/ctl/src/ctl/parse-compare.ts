import { goQuote } from "@kvorum/base";
import { type CompareSign, type Comparison, compare } from "@kvorum/client";
import { CtlError } from "../cli/ctl-error.js";
import { parseInteger, saturated } from "../cli/flags.js";
import { readQuoted } from "../cli/go-words.js";

/**
 * A line such as `mod("key") > "0"`, one character a byte. Targets: version (ver), create (c),
 * mod (m), value (val), lease with its id in hex.
 * @throws CtlError "invalidInput"
 */
export function parseCompare(line: string): Comparison {
  const open = line.indexOf("(");
  if (open < 0) throw malformed(line);
  const target = line.slice(0, open);
  const quoted = readQuoted(line.slice(open + 1).trimStart());
  const key = quoted?.text ?? "";
  const rest = /^\)[\t ]*(\S*)[\t ]*(.*)$/s.exec(quoted?.rest ?? "");
  const sign = rest?.[1] ?? "";
  const value = readQuoted(rest?.[2] ?? "")?.text;
  if (value === undefined) {
    const got = `${target}(${goQuote(bytes(key))}) ${sign} ""`;
    throw malformed(`${line}; got ${got}`);
  }
  if (!isSign(sign)) throw malformed(`${line} (unknown result op ${sign})`);
  return comparison(line, { target, key: bytes(key), sign, value });
}

interface Parts {
  readonly target: string;
  readonly key: Buffer;
  readonly sign: CompareSign;
  readonly value: string;
}

function comparison(line: string, { target, key, sign, value }: Parts): Comparison {
  switch (target) {
    case "ver":
    case "version":
      return compare.version(key, sign, decimal(line, value));
    case "c":
    case "create":
      return compare.createRevision(key, sign, decimal(line, value));
    case "m":
    case "mod":
      return compare.modRevision(key, sign, decimal(line, value));
    case "val":
    case "value":
      return compare.value(key, sign, bytes(value));
    case "lease":
      return compare.lease(key, sign, leaseId(line, value));
    default:
      throw malformed(`${line} (unknown target ${target})`);
  }
}

function decimal(line: string, text: string): number {
  const value = parseInteger(text, { base: 10, isSigned: true, bits: 64 });
  if (typeof value === "bigint") return saturated(value);
  throw new CtlError("invalidInput", `invalid txn compare request: ${line}`);
}

function leaseId(line: string, text: string): bigint {
  const value = parseInteger(text, { base: 16, isSigned: true, bits: 64 });
  if (typeof value === "bigint") return value;
  throw new CtlError("invalidInput", `invalid txn compare request: ${line}`);
}

function isSign(text: string): text is CompareSign {
  return ["=", "!=", ">", "<"].includes(text);
}

function bytes(latin1: string): Buffer {
  return Buffer.from(latin1, "latin1");
}

function malformed(what: string): CtlError {
  return new CtlError("invalidInput", `malformed comparison: ${what}`);
}
