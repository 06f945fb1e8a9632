import { ApiError, JsonError } from "@kvorum/api";
import { Status, type StatusCode } from "@kvorum/grpc";

/** Why a call is not made, or how it ended: a gRPC status. */
export interface Refusal {
  readonly code: StatusCode;
  readonly message: string;
}

/** The status of a request whose body can't be taken. Throws again what is none of a client's. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof JsonError) {
    return { code: Status.INVALID_ARGUMENT, message: error.message };
  }
  if (error instanceof ApiError) {
    return { code: error.code as StatusCode, message: error.message };
  }
  throw error;
}

/** Source: google.rpc.Code, https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto */
const HTTP_STATUS: Readonly<Record<StatusCode, number>> = {
  [Status.OK]: 200,
  [Status.CANCELLED]: 499,
  [Status.UNKNOWN]: 500,
  [Status.INVALID_ARGUMENT]: 400,
  [Status.DEADLINE_EXCEEDED]: 504,
  [Status.NOT_FOUND]: 404,
  [Status.ALREADY_EXISTS]: 409,
  [Status.PERMISSION_DENIED]: 403,
  [Status.RESOURCE_EXHAUSTED]: 429,
  [Status.FAILED_PRECONDITION]: 400,
  [Status.ABORTED]: 409,
  [Status.OUT_OF_RANGE]: 400,
  [Status.UNIMPLEMENTED]: 501,
  [Status.INTERNAL]: 500,
  [Status.UNAVAILABLE]: 503,
  [Status.DATA_LOSS]: 500,
  [Status.UNAUTHENTICATED]: 401,
};

export function httpStatusOf(code: StatusCode): number {
  return HTTP_STATUS[code];
}

/** The text of a google.rpc.Status without details, which etcd's errors never have. */
export function refusalJson({ code, message }: Refusal): string {
  return JSON.stringify({ code, ...(message === "" ? {} : { message }) });
}
