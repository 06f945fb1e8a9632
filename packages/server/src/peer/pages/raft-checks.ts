import { hexId } from "@kvorum/base";
import type { Message } from "@kvorum/raft";
import { respondError } from "../../http/respond.js";
import { findClusterRefusal, headerOf, parseHexId } from "../peer-headers.js";
import type { Exchange, PeerPages } from "./exchange.js";

/** Refuses a method other than `allowed`; true when it did. */
export function refuseMethod({ request, response }: Exchange, allowed: "GET" | "POST"): boolean {
  if (request.method === allowed) return false;
  response.setHeader("Allow", allowed);
  respondError(response, 405, "Method Not Allowed");
  return true;
}

/** Refuses members of other clusters and of versions that don't get on; true when it did. */
export function refuseStranger({ local, logger }: PeerPages, exchange: Exchange): boolean {
  const { headers } = exchange.request;
  const refusal = findClusterRefusal(headers, local);
  if (refusal === undefined) return false;
  logger.warn(refusal.message, {
    "local-member-id": hexId(local.memberId),
    "local-member-cluster-id": hexId(local.clusterId),
    "remote-peer-server-name": headerOf(headers, "x-server-from"),
    "remote-peer-server-version": headerOf(headers, "x-server-version"),
    "remote-peer-server-minimum-cluster-version": headerOf(headers, "x-min-cluster-version"),
    "remote-peer-cluster-id": headerOf(headers, "x-etcd-cluster-id"),
    error: refusal.reason,
  });
  respondError(exchange.response, 412, refusal.answer);
  return true;
}

/** Remembers where a sender can be reached that is not known as a member. */
export function rememberSender(pages: PeerPages, { request }: Exchange, fromHex?: string): void {
  const from = parseHexId(fromHex ?? headerOf(request.headers, "x-server-from"));
  const urls = headerOf(request.headers, "x-peerurls").split(",");
  if (from === undefined || from === 0n || !urls.every(isPeerUrl)) return;
  pages.addRemote(from, urls);
}

function isPeerUrl(text: string): boolean {
  return /^(https?|unixs?):\/\/[^/]+$/.test(text);
}

/**
 * Why a posted message may not be taken; undefined when it may. The answer is then a 500, as of a
 * real 3.7.1: a 403 would make its sender believe that it was removed.
 */
export function findMessageRefusal(
  { local, host, logger, isStopped }: PeerPages,
  message: Message,
): string | undefined {
  if (host.isRemoved(message.from)) {
    logger.warn("rejected Raft message from removed member", {
      "local-member-id": hexId(local.memberId),
      "removed-member-id": hexId(message.from),
    });
    return "cannot process message from removed member";
  }
  if (message.to === local.memberId) return isStopped() ? "server stopped" : undefined;
  logger.warn("rejected Raft message to mismatch member", {
    "local-member-id": hexId(local.memberId),
    "mismatch-member-id": hexId(message.to),
  });
  return "cannot process message to mismatch member";
}

/** etcd's JSON form of an error. */
export function respondJsonError({ response }: Exchange, status: number, message: string): void {
  const body = JSON.stringify({ message });
  response.writeHead(status, {
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(body),
  });
  response.end(body);
}
