import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from "node:crypto";

/** What `--auth-token=jwt,...` says. */
export interface JwtOptions {
  readonly method: JwtMethod;
  /** Undefined: tokens can be checked here and must be made elsewhere. */
  readonly signingKey: KeyObject | undefined;
  readonly verifyingKey: KeyObject;
  readonly ttlMs: number;
}

/** Signature method -> type of its keys. */
const METHODS = {
  RS256: "rsa",
  RS384: "rsa",
  RS512: "rsa",
  PS256: "rsa",
  PS384: "rsa",
  PS512: "rsa",
  ES256: "ec",
  ES384: "ec",
  ES512: "ec",
  EdDSA: "ed25519",
  HS256: "secret",
  HS384: "secret",
  HS512: "secret",
} as const;

export type JwtMethod = keyof typeof METHODS;

/** Texts of etcd's server/auth. */
const MISSING_KEY = "auth: missing key data";
const KEY_MISMATCH = "auth: public and private keys don't match";

export function isJwtMethod(method: string): method is JwtMethod {
  return Object.hasOwn(METHODS, method);
}

/**
 * Reads the keys. A method with a secret takes it from the private key's file, whole.
 * @throws Error what is wrong with a key, in etcd's words where it has some
 */
export function readJwtKeys(options: {
  readonly method: JwtMethod;
  readonly publicKey: Buffer | undefined;
  readonly privateKey: Buffer | undefined;
}): Pick<JwtOptions, "signingKey" | "verifyingKey"> {
  const { method, publicKey, privateKey } = options;
  const type = METHODS[method];
  if (type === "secret") {
    if (privateKey === undefined || privateKey.length === 0) throw new Error(MISSING_KEY);
    const secret = createSecretKey(privateKey);
    return { signingKey: secret, verifyingKey: secret };
  }
  const signingKey = privateKey && checked(createPrivateKey(privateKey), type);
  const given = publicKey && checked(createPublicKey(publicKey), type);
  const derived = signingKey && createPublicKey(signingKey);
  const verifyingKey = given ?? derived;
  if (verifyingKey === undefined) throw new Error(MISSING_KEY);
  if (given && derived && !given.equals(derived)) throw new Error(KEY_MISMATCH);
  return { signingKey, verifyingKey };
}

function checked(key: KeyObject, type: string): KeyObject {
  if (key.asymmetricKeyType === type) return key;
  throw new Error(`key is of type ${key.asymmetricKeyType ?? "unknown"}, not ${type}`);
}
