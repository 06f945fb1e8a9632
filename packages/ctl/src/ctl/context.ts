import { nodeFileSystem } from "@kvorum/base/node";
import { type AuthOptions, Client, type ClientOptions, type TlsOptions } from "@kvorum/client";
import { badArguments, CtlError, failure } from "../cli/ctl-error.js";
import type { Flags, FlagValues } from "../cli/flags.js";
import type { Io } from "../cli/io.js";
import type { GlobalValues } from "../cli/program.js";
import { type Verb, type VerbSpec, verb } from "../cli/verb.js";
import { Display } from "../output/display.js";
import { systemText } from "../output/system-text.js";
import { checkKeyPair } from "./check-key-pair.js";
import type { globals } from "./globals.js";

export type CtlVerb = Verb<CtlContext>;

/** Makes a verb of kvorumctl. */
export function ctlVerb<F extends Flags>(spec: VerbSpec<CtlContext, F>): CtlVerb {
  return verb(spec);
}

/** What a verb of kvorumctl works with: the global flags, and clients and display made from them. */
export class CtlContext {
  readonly io: Io;
  readonly flags: FlagValues<typeof globals>;
  readonly #globals: GlobalValues;
  readonly #clients: Client[] = [];
  #display: Display | undefined;
  #shared: Promise<ClientOptions> | undefined;

  constructor(io: Io, given: GlobalValues) {
    this.io = io;
    this.#globals = given;
    // Every global flag has a value of its own type: the program has read it so.
    this.flags = Object.fromEntries(given.values) as unknown as FlagValues<typeof globals>;
  }

  /** @throws CtlError "badFeature" for an unknown format */
  get display(): Display {
    this.#display ??= new Display({
      stdout: this.io.stdout,
      stderr: this.io.stderr,
      format: this.flags["write-out"],
      isHex: this.flags.hex,
    });
    return this.#display;
  }

  get endpoints(): readonly string[] {
    return this.flags.endpoints.map((endpoint) => endpoint.trim());
  }

  get timeoutMs(): number {
    return this.flags["command-timeout"];
  }

  /** Whether the flag stands on the command line or in the environment. */
  isSet(name: keyof typeof globals): boolean {
    return this.#globals.isSet(name);
  }

  /** A client of the endpoints, closed when the command ends. @throws CtlError */
  async client(endpoints: readonly string[] = this.endpoints): Promise<Client> {
    this.#shared ??= this.#clientOptions();
    const options = await this.#shared;
    let client: Client;
    try {
      client = new Client({ ...options, endpoints });
    } catch (cause) {
      throw failure("badArguments", cause);
    }
    this.#clients.push(client);
    if (options.auth === undefined || "token" in options.auth) return client;
    try {
      await client.authenticate({ timeoutMs: this.flags["dial-timeout"] });
    } catch (cause) {
      throw failure("badConnection", cause);
    }
    return client;
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }

  async #clientOptions(): Promise<ClientOptions> {
    // An unknown format is reported before anything is sent.
    void this.display;
    const { flags } = this;
    const tls = await this.#tls();
    const auth = await this.#auth();
    return {
      endpoints: this.endpoints,
      dialTimeoutMs: flags["dial-timeout"],
      keepaliveTimeMs: flags["keepalive-time"],
      keepaliveTimeoutMs: flags["keepalive-timeout"],
      ...(flags["max-request-bytes"] > 0 ? { sendBytesMax: flags["max-request-bytes"] } : {}),
      ...(flags["max-recv-bytes"] > 0 ? { receiveBytesMax: flags["max-recv-bytes"] } : {}),
      ...(tls === undefined ? {} : { tls }),
      ...(auth === undefined ? {} : { auth }),
    };
  }

  async #tls(): Promise<TlsOptions | undefined> {
    const { flags } = this;
    for (const name of ["cert", "key", "cacert"] as const) {
      if (flags[name] === "" && this.isSet(name)) {
        throw badArguments(`empty string is passed to --${name} option`);
      }
    }
    const names = [flags.cert, flags.key, flags.cacert];
    const isAsked = names.some((name) => name !== "") || flags["insecure-skip-tls-verify"];
    if (!isAsked && flags["insecure-transport"]) return undefined;
    if ((flags.cert === "") !== (flags.key === "")) {
      throw badArguments(
        `KeyFile and CertFile must both be present[key: ${flags.key}, cert: ${flags.cert}]`,
      );
    }
    const [cert, key, ca] = await Promise.all(names.map(readIfNamed));
    if (cert !== undefined && key !== undefined) checkKeyPair(cert, key);
    return {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      insecureSkipVerify: flags["insecure-skip-tls-verify"],
    };
  }

  async #auth(): Promise<AuthOptions | undefined> {
    const { user, password, "auth-jwt-token": token } = this.flags;
    if (token !== "") return { token };
    if (user === "") return undefined;
    if (password !== "") return { username: user, password };
    const colon = user.indexOf(":");
    if (colon >= 0) return { username: user.slice(0, colon), password: user.slice(colon + 1) };
    return { username: user, password: await this.io.askSecret("Password: ") };
  }
}

async function readIfNamed(path: string): Promise<Buffer | undefined> {
  if (path === "") return undefined;
  try {
    return await nodeFileSystem.readFile(path);
  } catch (cause) {
    throw new CtlError("badArguments", `open ${path}: ${systemText(cause)}`, { cause });
  }
}
