import { healthpb } from "@kvorum/api";
import { type Method, Status } from "@kvorum/grpc";

const { HealthCheckRequest, HealthCheckResponse, HealthCheckResponse_ServingStatus } = healthpb;

/** grpc.health.v1.Health, for the whole server (service ""). */
export function healthMethods(isServing: () => boolean): [string, Method][] {
  const encode = (): Uint8Array =>
    HealthCheckResponse.encode({
      status: isServing()
        ? HealthCheckResponse_ServingStatus.SERVING
        : HealthCheckResponse_ServingStatus.NOT_SERVING,
    }).finish();
  return [
    [
      "/grpc.health.v1.Health/Check",
      {
        kind: "unary",
        handle: (call, message) => {
          if (HealthCheckRequest.decode(message).service === "") call.respond(encode());
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
            const { service } = HealthCheckRequest.decode(message);
            call.write(
              service === ""
                ? encode()
                : HealthCheckResponse.encode({
                    status: HealthCheckResponse_ServingStatus.SERVICE_UNKNOWN,
                  }).finish(),
            );
          };
        },
      },
    ],
  ];
}
