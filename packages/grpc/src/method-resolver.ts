import type { Refusal } from "./grpc-status.js";
import { type Method, type MethodTable, Status } from "./types.js";

/** Finds methods by path, and says what is unknown about a path that has none. */
export class MethodResolver {
  readonly #methods: MethodTable;
  readonly #services: ReadonlySet<string>;
  readonly #onUnknownMethod: ((path: string) => Method | undefined) | undefined;

  constructor(methods: MethodTable, onUnknownMethod?: (path: string) => Method | undefined) {
    this.#methods = methods;
    this.#services = new Set([...methods.keys()].map((path) => path.slice(1).split("/")[0]!));
    this.#onUnknownMethod = onUnknownMethod;
  }

  resolve(path: string): Method | undefined {
    return this.#methods.get(path) ?? this.#onUnknownMethod?.(path);
  }

  /** The texts of grpc-go's server, which etcd's clients see. */
  refuse(path: string): Refusal {
    const refuse = (message: string): Refusal => ({
      code: Status.UNIMPLEMENTED,
      message,
      httpStatus: 200,
    });
    const name = path.startsWith("/") ? path.slice(1) : path;
    const slash = name.lastIndexOf("/");
    if (slash < 0) return refuse(`malformed method name: ${JSON.stringify(path)}`);
    const service = name.slice(0, slash);
    if (!this.#services.has(service)) return refuse(`unknown service ${service}`);
    return refuse(`unknown method ${name.slice(slash + 1)} for service ${service}`);
  }
}
