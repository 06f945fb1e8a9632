import { createServer } from "node:net";

/**
 * Below what kernels take for outgoing connections: while a member is down, nobody's connection may
 * end up on its port, nor a peer that dials it be connected to itself.
 */
const LOWEST = 12_000;
const HIGHEST = 31_000;

const taken = new Set<number>();

/** A loopback port that is free and stays so, also while the server that uses it is restarted. */
export async function lastingPort(): Promise<number> {
  for (;;) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if (taken.has(port)) continue;
    taken.add(port);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
