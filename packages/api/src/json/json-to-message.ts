import { isUtf8 } from "node:buffer";
import {
  create,
  type DescField,
  type DescMessage,
  type Message,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { InvariantError } from "@kvorum/base";
import {
  INTEGER_RANGES,
  type IntegerRange,
  parseBase64,
  parseInteger,
  parseQuotedInteger,
} from "./json-scalars.js";
import { type JsonToken, JsonTokens } from "./json-tokens.js";

/**
 * The bytes of the message that a JSON value stands for, by the rules of Go's protojson with unknown
 * fields ignored: names of fields as in the .proto file or in lower camel case, integers as numbers
 * or strings, enums by name or number, an unknown name of one left out.
 * The library's own reading isn't used: it works on parsed values, in which a number above 2^53 has
 * lost its last digits, and says errors in words that clients of etcd don't know.
 * @param text a well-formed JSON value, as `JsonValues` gives it
 * @throws JsonError in protojson's words
 */
export function jsonToMessage(desc: DescMessage, text: Buffer): Uint8Array {
  const tokens = new JsonTokens(text.toString("utf8"), { isUtf8: isUtf8(text) });
  return toBinary(desc, readMessage(tokens, desc));
}

function readMessage(tokens: JsonTokens, desc: DescMessage): Message {
  const begin = tokens.read();
  if (begin.kind !== "object") throw tokens.unexpected(begin);
  const message = reflect(desc, create(desc));
  const fields = fieldsOf(desc);
  const seen = new Set<string>();
  for (let token = tokens.read(); token.kind !== "end"; token = tokens.read()) {
    const field = fields.get(tokens.string(token));
    if (field === undefined) {
      tokens.skip();
      continue;
    }
    if (seen.has(field.name)) throw tokens.error(token.at, `duplicate field ${token.raw}`);
    seen.add(field.name);
    if (tokens.peek().kind === "null") tokens.skip();
    else readField(tokens, { message, field, name: token, seen });
  }
  return message.message;
}

interface Place {
  readonly message: ReflectMessage;
  readonly field: DescField;
  readonly name: JsonToken;
  /** Names of fields, and of oneofs with a bracket before them. */
  readonly seen: Set<string>;
}

function readField(tokens: JsonTokens, { message, field, name, seen }: Place): void {
  if (field.oneof !== undefined) {
    const mark = `(${field.oneof.name}`;
    if (seen.has(mark)) {
      const oneof = `${field.parent.typeName}.${field.oneof.name}`;
      throw tokens.error(name.at, `error parsing ${name.raw}, oneof ${oneof} is already set`);
    }
    seen.add(mark);
  }
  switch (field.fieldKind) {
    case "message":
      message.set(field, reflect(field.message, readMessage(tokens, field.message)));
      return;
    case "list": {
      const begin = tokens.read();
      if (begin.kind !== "array") throw tokens.unexpected(begin);
      const list = message.get(field);
      while (tokens.peek().kind !== "end") {
        const value =
          field.listKind === "message"
            ? reflect(field.message, readMessage(tokens, field.message))
            : readScalar(tokens, field);
        if (value !== undefined) list.add(value);
      }
      tokens.read();
      return;
    }
    case "map":
      throw new InvariantError("the schema has no maps");
    default: {
      const value = readScalar(tokens, field);
      if (value !== undefined) message.set(field, value);
    }
  }
}

type Scalar = string | number | bigint | boolean | Uint8Array;
type ScalarField = DescField & { readonly fieldKind: "scalar" | "enum" | "list" };

/** undefined: a name that the enum doesn't have. @throws JsonError */
function readScalar(tokens: JsonTokens, field: ScalarField): Scalar | undefined {
  const token = tokens.read();
  const isValue = token.kind !== "object" && token.kind !== "array";
  if (field.enum !== undefined) {
    if (token.kind === "string") {
      const name = tokens.string(token);
      return field.enum.values.find((value) => value.name === name)?.number;
    }
    const number =
      token.kind === "number" ? parseInteger(token.raw, INTEGER_RANGES.int32) : undefined;
    if (number !== undefined) return Number(number);
    throw invalid(tokens, { token, field, kind: "enum" });
  }
  const scalar = field.scalar ?? ScalarType.STRING;
  const kind = ScalarType[scalar].toLowerCase();
  const value = isValue ? scalarOf(tokens, token, kind) : undefined;
  if (value === undefined) throw invalid(tokens, { token, field, kind });
  return value;
}

function scalarOf(tokens: JsonTokens, token: JsonToken, kind: string): Scalar | undefined {
  switch (kind) {
    case "bool":
      return token.kind === "bool" ? token.raw === "true" : undefined;
    case "string":
      return token.kind === "string" ? tokens.string(token) : undefined;
    case "bytes":
      return token.kind === "string" ? parseBase64(tokens.string(token)) : undefined;
    case "int32":
    case "uint32": {
      const value = integerOf(tokens, token, INTEGER_RANGES[kind]);
      return value === undefined ? undefined : Number(value);
    }
    case "int64":
    case "uint64":
      return integerOf(tokens, token, INTEGER_RANGES[kind]);
    default:
      throw new InvariantError(`the schema has no field of type ${kind}`);
  }
}

function integerOf(tokens: JsonTokens, token: JsonToken, range: IntegerRange): bigint | undefined {
  if (token.kind === "number") return parseInteger(token.raw, range);
  return token.kind === "string" ? parseQuotedInteger(tokens.string(token), range) : undefined;
}

function invalid(
  tokens: JsonTokens,
  found: { readonly token: JsonToken; readonly field: DescField; readonly kind: string },
): Error {
  const { token, field, kind } = found;
  const text = `invalid value for ${kind} field ${field.jsonName}: ${token.raw}`;
  return tokens.error(token.at, text);
}

const fieldsByName = new WeakMap<DescMessage, ReadonlyMap<string, DescField>>();

/** The fields of a message by both of their names. */
function fieldsOf(desc: DescMessage): ReadonlyMap<string, DescField> {
  let fields = fieldsByName.get(desc);
  if (fields === undefined) {
    const byName = desc.fields.map((field): [string, DescField] => [field.name, field]);
    const byJsonName = desc.fields.map((field): [string, DescField] => [field.jsonName, field]);
    fields = new Map([...byName, ...byJsonName]);
    fieldsByName.set(desc, fields);
  }
  return fields;
}
