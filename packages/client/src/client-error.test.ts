import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { asClientError } from "./client-error.js";

/** As grpc-js makes them. */
function failure(code: number, details: string): Error {
  return Object.assign(new Error(`${code}: ${details}`), { code, details });
}

test("the message of a server stands as it is", () => {
  const error = asClientError(failure(status.OUT_OF_RANGE, "etcdserver: mvcc: x: y\n z"));
  expect([error.code, error.message]).toEqual(["OUT_OF_RANGE", "etcdserver: mvcc: x: y\n z"]);
});

test("of a failed handshake OpenSSL's reason is left", () => {
  const openssl =
    "804CE703CC7F0000:error:0A00045C:SSL routines:ssl3_read_bytes:" +
    "tlsv13 alert certificate required:../deps/openssl/ssl/rec_layer_s3.c:1601:SSL alert number 116\n";
  const text = `No connection established. Last error: ${openssl} (2026-11-22T16:39:38.982Z).`;
  const error = asClientError(failure(status.UNAVAILABLE, text));
  expect(error.isUnsent).toBe(true);
  expect(error.message).toBe(
    "No connection established. Last error: tls: tlsv13 alert certificate required " +
      "(2026-11-22T16:39:38.982Z).",
  );
});
