import { Histogram } from "./histogram.js";
import { histogramSamples, type Labels, type MetricFamily, type Sample } from "./metric-family.js";

/** The part of a generated service definition that the metrics need. */
export interface ServiceShape {
  readonly fullName: string;
  readonly methods: Readonly<
    Record<
      string,
      { readonly name: string; readonly requestStream: boolean; readonly responseStream: boolean }
    >
  >;
}

/** Counters of one method; interceptors hold the object and add to its fields. */
export interface GrpcMethodCounters {
  /** Calls begun. */
  started: number;
  /** Messages from clients; a unary call has one. */
  messagesReceived: number;
  /** Messages to clients. */
  messagesSent: number;
  /** Calls ended, by status code 0 to 16. */
  readonly handled: number[];
  /** Seconds of each call; only with --metrics=extensive. */
  readonly handlingSeconds: Histogram | undefined;
}

// In the order of the codes; the names are those of grpc-go, which differ from the specification's.
const CODE_NAMES = [
  "OK",
  "Canceled",
  "Unknown",
  "InvalidArgument",
  "DeadlineExceeded",
  "NotFound",
  "AlreadyExists",
  "PermissionDenied",
  "ResourceExhausted",
  "FailedPrecondition",
  "Aborted",
  "OutOfRange",
  "Unimplemented",
  "Internal",
  "Unavailable",
  "DataLoss",
  "Unauthenticated",
] as const;

// Prometheus' default buckets, which grpc-go's middleware takes.
const HANDLING_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

interface Entry {
  readonly labels: Labels;
  readonly counters: GrpcMethodCounters;
}

/** The grpc_server_* families, with a line for every method from the start. */
export class GrpcMetrics {
  readonly #entries = new Map<string, Entry>();

  constructor(services: readonly ServiceShape[], { extensive }: { readonly extensive: boolean }) {
    for (const service of services) {
      for (const method of Object.values(service.methods)) {
        const counters: GrpcMethodCounters = {
          started: 0,
          messagesReceived: 0,
          messagesSent: 0,
          handled: CODE_NAMES.map(() => 0),
          handlingSeconds: extensive ? new Histogram(HANDLING_BOUNDS) : undefined,
        };
        const labels = {
          grpc_method: method.name,
          grpc_service: service.fullName,
          grpc_type: callType(method),
        };
        this.#entries.set(`/${service.fullName}/${method.name}`, { labels, counters });
      }
    }
  }

  /** The counters of "/package.Service/Method", or undefined for a method nobody serves. */
  method(path: string): GrpcMethodCounters | undefined {
    return this.#entries.get(path)?.counters;
  }

  families(): readonly MetricFamily[] {
    const families: MetricFamily[] = [
      this.#family("started", "RPCs started on the server.", (counters) => counters.started),
      this.#family("msg_received", "RPC stream messages received on the server.", (counters) => {
        return counters.messagesReceived;
      }),
      this.#family("msg_sent", "gRPC stream messages sent by the server.", (counters) => {
        return counters.messagesSent;
      }),
      {
        name: "grpc_server_handled_total",
        help: "RPCs completed on the server, regardless of success or failure.",
        type: "counter",
        samples: () => this.#each(handledSamples),
      },
    ];
    const [first] = this.#entries.values();
    if (first?.counters.handlingSeconds !== undefined) families.push(this.#handlingFamily());
    return families;
  }

  #family(
    middle: string,
    help: string,
    value: (counters: GrpcMethodCounters) => number,
  ): MetricFamily {
    return {
      name: `grpc_server_${middle}_total`,
      help,
      type: "counter",
      samples: () => this.#each(({ labels, counters }) => [{ labels, value: value(counters) }]),
    };
  }

  #handlingFamily(): MetricFamily {
    const name = "grpc_server_handling_seconds";
    return {
      name,
      help: "Time of gRPC calls until they were handled by the server.",
      type: "histogram",
      samples: () =>
        this.#each(({ labels, counters }) =>
          histogramSamples(name, labels, counters.handlingSeconds!),
        ),
    };
  }

  #each(samples: (entry: Entry) => Sample[]): Sample[] {
    return [...this.#entries.values()].flatMap(samples);
  }
}

function handledSamples({ labels, counters }: Entry): Sample[] {
  return CODE_NAMES.map((name, code) => ({
    labels: { grpc_code: name, ...labels },
    value: counters.handled[code]!,
  }));
}

function callType(method: { readonly requestStream: boolean; readonly responseStream: boolean }) {
  if (method.requestStream) return method.responseStream ? "bidi_stream" : "client_stream";
  return method.responseStream ? "server_stream" : "unary";
}
