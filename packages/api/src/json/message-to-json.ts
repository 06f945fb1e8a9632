import { type DescMessage, fromBinary, toJsonString } from "@bufbuild/protobuf";

/**
 * The JSON form of a message, as etcd's gateway writes it: fields under their names in the .proto
 * file, without those that have their default; integers of 64 bits as strings, bytes in base64,
 * enums by name.
 */
export function messageToJson(desc: DescMessage, bytes: Uint8Array): string {
  return toJsonString(desc, fromBinary(desc, bytes), { useProtoFieldName: true });
}
