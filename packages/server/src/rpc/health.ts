import { decodeMessage, healthpb } from "@kvorum/api";
import { type Method, Status } from "@kvorum/grpc";
import { failWith } from "./guard.js";

const { HealthCheckRequest, HealthCheckResponse, HealthCheckResponse_ServingStatus } = healthpb;
const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = HealthCheckResponse_ServingStatus;

function encodeStatus(status: healthpb.HealthCheckResponse_ServingStatus): Uint8Array {
  return HealthCheckResponse.encode({ status }).finish();
}

/** grpc.health.v1.Health, for the whole server (service ""). */
export function healthMethods(isServing: () => boolean): [string, Method][] {
  const encode = () => encodeStatus(isServing() ? SERVING : NOT_SERVING);
  return [
    [
      "/grpc.health.v1.Health/Check",
      {
        kind: "unary",
        handle: (call, message) => {
          if (decodeMessage(HealthCheckRequest, message).service === "") call.respond(encode());
          else call.fail(Status.NOT_FOUND, "unknown service");
        },
      },
    ],
    [
      "/grpc.health.v1.Health/Watch",
      {
        kind: "stream",
        open: (call) => {
          call.onMessage = (message) => {
            try {
              const { service } = decodeMessage(HealthCheckRequest, message);
              call.write(service === "" ? encode() : encodeStatus(SERVICE_UNKNOWN));
            } catch (error) {
              failWith(call, error);
            }
          };
        },
      },
    ],
  ];
}
