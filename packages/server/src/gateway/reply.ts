import { Status } from "@kvorum/grpc";
import type { PageResponse } from "../http/page.js";
import { httpStatusOf, type Refusal, refusalJson } from "./refusal.js";

/** What the answer of a call that succeeded carries of the metadata that a gRPC server sends. */
export const CALL_HEADERS = { "Grpc-Metadata-Content-Type": "application/grpc" } as const;

export const JSON_TYPE = { "Content-Type": "application/json" } as const;

export function respondJson(response: PageResponse, json: string): void {
  response.writeHead(200, {
    ...JSON_TYPE,
    ...CALL_HEADERS,
    "Content-Length": Buffer.byteLength(json),
  });
  response.end(json);
}

export function respondRefusal(response: PageResponse, refusal: Refusal): void {
  const json = refusalJson(refusal);
  response.writeHead(httpStatusOf(refusal.code), {
    ...JSON_TYPE,
    ...(refusal.code === Status.UNAUTHENTICATED ? { "Www-Authenticate": refusal.message } : {}),
    "Content-Length": Buffer.byteLength(json),
  });
  response.end(json);
}
