import { createServer, type Server } from "node:net";
import { nodeClock } from "@kvorum/base/node";
import { BenchError } from "../bench-error.js";

/** `count` ports of loopback that are free now; all held until the last is chosen, so they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const held = await Promise.all(Array.from({ length: count }, hold));
  const ports = held.map(portOf);
  await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** On a busy machine another program may take a port between its choice and its use. */
const ATTEMPTS = 5;
const PAUSE_MS = 200;

/** Does `start` again when it fails since somebody else has taken its port meanwhile. */
export async function whilePortsAreTaken<T>(start: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start();
    } catch (error) {
      const isTaken =
        error instanceof BenchError && /EADDRINUSE|address already in use/i.test(error.message);
      if (!isTaken || attempt === ATTEMPTS) throw error;
      await new Promise<void>((resolve) => nodeClock.after(PAUSE_MS, resolve));
    }
  }
}

function hold(): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}

function portOf(server: Server): number {
  const address = server.address();
  if (typeof address === "object" && address !== null) return address.port;
  throw new BenchError("SERVER", "no free port could be bound");
}
