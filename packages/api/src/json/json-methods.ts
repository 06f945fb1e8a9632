import {
  createFileRegistry,
  type DescMessage,
  type FileRegistry,
  fromBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { assert } from "@kvorum/base";
import { fileDescriptorSet } from "../gen/descriptors.js";

/** A method of a service, as far as the JSON form of its messages needs it. */
export interface JsonMethod {
  /** "/package.Service/Method" */
  readonly path: string;
  readonly input: DescMessage;
  readonly output: DescMessage;
  readonly takesStream: boolean;
  readonly givesStream: boolean;
}

/** The methods of every service of this package, found in the descriptors of its .proto files. */
export class JsonMethods {
  readonly #registry: FileRegistry;

  constructor() {
    const bytes = Buffer.from(fileDescriptorSet, "base64");
    this.#registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, bytes));
  }

  /** @param path "/package.Service/Method", of a method that exists */
  method(path: string): JsonMethod {
    const [, serviceName = "", name] = path.split("/");
    const service = this.#registry.getService(serviceName);
    const found = service?.methods.find((method) => method.name === name);
    assert(found !== undefined, `${path} is no method`);
    const { input, output, methodKind } = found;
    return {
      ...{ path, input, output },
      takesStream: methodKind === "client_streaming" || methodKind === "bidi_streaming",
      givesStream: methodKind === "server_streaming" || methodKind === "bidi_streaming",
    };
  }

  /** @param name "package.Message", of a message that exists */
  message(name: string): DescMessage {
    const found = this.#registry.getMessage(name);
    assert(found !== undefined, `${name} is no message`);
    return found;
  }
}
