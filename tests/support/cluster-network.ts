import { connect, createServer, type Server, type Socket } from "node:net";
import { lastingPort } from "./cluster-ports.js";

/** A member as the network tells it apart. */
export interface NetworkPlace {
  /** The port of its proxy. */
  readonly port: number;
  /** Its id as peers write it: hexadecimal, without leading zeros. */
  readonly id: string;
}

/** Bytes that get lost on their way from one place to another; undefined stands for all others. */
export interface LostPath {
  readonly from?: NetworkPlace;
  readonly to?: NetworkPlace;
}

interface LinkEnds {
  /** The port that was dialed. */
  readonly target: number;
  /** The dialing member's id, or "" when the first request doesn't tell. */
  readonly caller: string;
}

interface Link extends LinkEnds {
  readonly outer: Socket;
  readonly inner: Socket;
}

const HEAD_END = "\r\n\r\n";
const HEAD_BYTES_MAX = 64 * 1024;

/**
 * TCP proxies before members' peer ports, which members advertise, so that all that peers say to
 * each other passes here. Who dials is read from the head of a connection's first request. Where the
 * network is cut, in one direction or both, bytes vanish, as on one that drops them, and connections
 * stay open until the cut is healed.
 */
export class PeerNetwork {
  readonly #servers: Server[] = [];
  readonly #links = new Set<Link>();
  /** Connections that began during the cut, and lead nowhere. */
  readonly #lost = new Set<Socket>();
  #lostPaths: readonly LostPath[] = [];

  /** @returns the port of a new proxy before `peerPort` */
  async expose(peerPort: number): Promise<number> {
    const port = await lastingPort();
    const server = createServer((outer) => this.#accept(port, peerPort, outer));
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    this.#servers.push(server);
    return port;
  }

  /** Cuts members off from all others, those that are cut off with them included. */
  cutOff(places: readonly NetworkPlace[]): void {
    this.lose(places.flatMap((place) => [{ from: place }, { to: place }]));
  }

  /** From now on bytes get lost on these paths, and on no others. */
  lose(paths: readonly LostPath[]): void {
    this.#lostPaths = paths;
    for (const link of this.#links) {
      const lost = this.#lostOn(link);
      if (lost.request) link.outer.unpipe(link.inner).resume();
      if (lost.response) link.inner.unpipe(link.outer).resume();
    }
  }

  heal(): void {
    const broken = [...this.#links].filter((link) => {
      const lost = this.#lostOn(link);
      return lost.request || lost.response;
    });
    this.#lostPaths = [];
    for (const { outer, inner } of broken) {
      outer.destroy();
      inner.destroy();
    }
    for (const socket of this.#lost) socket.destroy();
    this.#lost.clear();
  }

  close(): void {
    for (const server of this.#servers) server.close();
    for (const { outer, inner } of this.#links) {
      outer.destroy();
      inner.destroy();
    }
    for (const socket of this.#lost) socket.destroy();
  }

  /** What gets lost on a connection: what the dialing side says, what the dialed one answers. */
  #lostOn({ target, caller }: LinkEnds): { readonly request: boolean; readonly response: boolean } {
    const isTarget = (place: NetworkPlace | undefined) => !place || place.port === target;
    const isCaller = (place: NetworkPlace | undefined) => !place || place.id === caller;
    return {
      request: this.#lostPaths.some(({ from, to }) => isCaller(from) && isTarget(to)),
      response: this.#lostPaths.some(({ from, to }) => isTarget(from) && isCaller(to)),
    };
  }

  /** Waits for the head of the first request, then links the connection or lets it lead nowhere. */
  #accept(port: number, peerPort: number, outer: Socket): void {
    let head = Buffer.alloc(0);
    outer.on("error", () => outer.destroy());
    const onData = (part: Buffer) => {
      head = Buffer.concat([head, part]);
      if (!head.includes(HEAD_END) && head.length < HEAD_BYTES_MAX) return;
      outer.off("data", onData);
      outer.pause();
      const caller = /^x-server-from: *([0-9a-f]+)/im.exec(head.toString("latin1"))?.[1] ?? "";
      if (this.#lostOn({ target: port, caller }).request) {
        this.#lost.add(outer);
        outer.once("close", () => this.#lost.delete(outer));
        outer.resume();
      } else {
        this.#link({ target: port, caller, outer, inner: connect(peerPort, "127.0.0.1") }, head);
      }
    };
    outer.on("data", onData);
  }

  #link(link: Link, head: Buffer): void {
    const { outer, inner } = link;
    this.#links.add(link);
    const end = () => {
      this.#links.delete(link);
      outer.destroy();
      inner.destroy();
    };
    inner.on("error", end);
    inner.once("close", end);
    outer.once("close", end);
    inner.write(head);
    outer.pipe(inner);
    if (this.#lostOn(link).response) inner.resume();
    else inner.pipe(outer);
  }
}
