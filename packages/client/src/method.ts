/** What the client needs of a generated message. */
interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

/** One method of a generated service definition. */
interface Definition<Request, Response> {
  readonly name: string;
  readonly requestType: Codec<Request>;
  readonly responseType: Codec<Response>;
}

/** A method as grpc-js wants it. */
export interface Method<Request, Response> {
  readonly path: string;
  readonly serialize: (request: Request) => Buffer;
  readonly deserialize: (bytes: Buffer) => Response;
}

/** Makes a method of `definition`; byte fields of its responses are views into the message. */
export function method<Request, Response>(
  service: { readonly fullName: string },
  definition: Definition<Request, Response>,
): Method<Request, Response> {
  const { requestType, responseType } = definition;
  return {
    path: `/${service.fullName}/${definition.name}`,
    serialize(request) {
      const bytes = requestType.encode(request).finish();
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    },
    deserialize: (bytes) => responseType.decode(bytes),
  };
}
