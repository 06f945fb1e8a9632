import { type DescEnum, type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { InvariantError } from "@kvorum/base";
import { WireReader } from "../codec/wire-reader.js";

/**
 * The JSON form of a message, as etcd's gateway writes it: fields under their names in the .proto
 * file and in its order, without those that have their default; integers of 64 bits as strings,
 * bytes in base64, enums by name.
 * Written from the wire bytes in one pass: the library, which decodes first and makes base64 in
 * JavaScript, takes many times as long, and an answer may have megabytes.
 * @param bytes of this server's own encoders: a field that is not repeated stands once at most
 * @throws WireError
 */
export function messageToJson(desc: DescMessage, bytes: Uint8Array): string {
  return writeMessage(desc, new WireReader(bytes), bytes.length);
}

function writeMessage(desc: DescMessage, reader: WireReader, end: number): string {
  const { fields, byNumber } = shapeOf(desc);
  const texts: (string | undefined)[] = new Array(fields.length);
  while (reader.position < end) {
    const tag = reader.varint32();
    const field = byNumber.get(tag >>> 3);
    if (field === undefined) {
      reader.skipField(tag);
      continue;
    }
    const { index, isList, leftOut } = field;
    const text = field.write(reader);
    const before = texts[index];
    if (isList && before !== undefined) texts[index] = `${before},${text}`;
    else if (text !== leftOut) texts[index] = text;
  }
  let json = "";
  for (const { index, key, isList } of fields) {
    const text = texts[index];
    if (text === undefined) continue;
    json += json === "" ? key : `,${key}`;
    json += isList ? `[${text}]` : text;
  }
  return `{${json}}`;
}

interface FieldShape {
  readonly index: number;
  /** The name in quotation marks, and a colon. */
  readonly key: string;
  readonly isList: boolean;
  /** The text of the default, where it is not written. */
  readonly leftOut: string | undefined;
  /** Reads a value behind its tag. */
  readonly write: (reader: WireReader) => string;
}

interface Shape {
  readonly fields: readonly FieldShape[];
  readonly byNumber: ReadonlyMap<number, FieldShape>;
}

const shapes = new WeakMap<DescMessage, Shape>();

function shapeOf(desc: DescMessage): Shape {
  let shape = shapes.get(desc);
  if (shape === undefined) {
    const fields = desc.fields.map(fieldShapeOf);
    shape = {
      fields,
      byNumber: new Map(fields.map((field, i) => [desc.fields[i]!.number, field])),
    };
    shapes.set(desc, shape);
  }
  return shape;
}

function fieldShapeOf(field: DescField, index: number): FieldShape {
  const isList = field.fieldKind === "list";
  const key = `${JSON.stringify(field.name)}:`;
  const { message, scalar } = field;
  if (message !== undefined) {
    const write = (reader: WireReader) => writeMessage(message, reader, reader.delimited());
    return { index, key, isList, leftOut: undefined, write };
  }
  const writer = field.enum === undefined ? SCALARS[scalar ?? 0] : enumWriter(field.enum);
  if (writer === undefined || (isList && !writer.isDelimited)) {
    throw new InvariantError(`the schema's answers have no field such as ${field}`);
  }
  const isAlwaysWritten = isList || field.oneof !== undefined;
  return {
    ...{ index, key, isList, write: writer.write },
    leftOut: isAlwaysWritten ? undefined : writer.default,
  };
}

interface ScalarWriter {
  readonly write: (reader: WireReader) => string;
  /** The text of the default. */
  readonly default: string;
  /** Of a length and bytes, which in a list are never packed. */
  readonly isDelimited?: boolean;
}

const SCALARS: Readonly<Record<number, ScalarWriter>> = {
  [ScalarType.BOOL]: { write: (reader) => String(reader.bool()), default: "false" },
  [ScalarType.INT32]: { write: (reader) => String(reader.varint32() | 0), default: "0" },
  [ScalarType.UINT32]: { write: (reader) => String(reader.varint32()), default: "0" },
  [ScalarType.INT64]: { write: (reader) => `"${integer(reader, false)}"`, default: '"0"' },
  [ScalarType.UINT64]: { write: (reader) => `"${integer(reader, true)}"`, default: '"0"' },
  [ScalarType.STRING]: {
    write: (reader) => JSON.stringify(reader.utf8()),
    ...{ default: '""', isDelimited: true },
  },
  [ScalarType.BYTES]: {
    write: (reader) => `"${reader.bytes().toString("base64")}"`,
    ...{ default: '""', isDelimited: true },
  },
};

/** A number where its digits fit into one, which most do: it is the quicker way. */
function integer(reader: WireReader, isUnsigned: boolean): number | bigint {
  const { position } = reader;
  const value = reader.int64();
  if (Math.abs(value) < Number.MAX_SAFE_INTEGER && (value >= 0 || !isUnsigned)) return value;
  reader.position = position;
  const whole = reader.bigint64();
  return isUnsigned ? BigInt.asUintN(64, whole) : whole;
}

function enumWriter(desc: DescEnum): ScalarWriter {
  const names = new Map(desc.values.map(({ number, name }) => [number, JSON.stringify(name)]));
  return {
    write: (reader) => {
      const value = reader.varint32() | 0;
      return names.get(value) ?? String(value);
    },
    default: names.get(0) ?? "0",
  };
}
