import { createServer, type RequestListener, type Server, type ServerOptions } from "node:http";

/**
 * An HTTP/1.1 server for sockets that were accepted elsewhere: give it each with
 * `emit("connection", socket)`, and end it with `close`, which also ends idle connections. Requests
 * whose head takes longer than `headersTimeout`, or which take longer as a whole than
 * `requestTimeout`, are answered with 408; both are Node's defaults unless given.
 */
export function createSocketHttp(handle: RequestListener, options: ServerOptions = {}): Server {
  const server = createServer({ noDelay: true, ...options }, handle);
  // Node watches over connections from the event on that it listens, which never comes by itself
  // here: without it a client that sends half a head would keep its connection for ever.
  server.emit("listening");
  return server;
}
