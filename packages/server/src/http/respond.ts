import type { PageRequest, PageResponse } from "./page.js";

/** Go's http.Error: plain text with a newline, and no guessing of another type by browsers. */
export function respondError(response: PageResponse, status: number, message: string): void {
  response.writeHead(status, {
    "Content-Type": "text/plain; charset=utf-8",
    "X-Content-Type-Options": "nosniff",
    "Content-Length": Buffer.byteLength(message) + 1,
  });
  response.end(`${message}\n`);
}

export function respondNotFound(response: PageResponse): void {
  respondError(response, 404, "404 page not found");
}

/** Ends the response with `body`; headers that are set already stay. */
export function respond(response: PageResponse, contentType: string, body: string): void {
  response.writeHead(200, {
    "Content-Type": contentType,
    "Content-Length": Buffer.byteLength(body),
  });
  response.end(body);
}

/** Answers 405 to everything but GET, HEAD included, and tells whether it did. */
export function refuseUnlessGet(request: PageRequest, response: PageResponse): boolean {
  if (request.method === "GET") return false;
  response.setHeader("Allow", "GET");
  respondError(response, 405, "Method Not Allowed");
  return true;
}
