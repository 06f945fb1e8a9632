import { connect, createServer, type Server, type Socket } from "node:net";
import { lastingPort } from "./cluster-ports.js";

/** A member as the network tells it apart. */
export interface NetworkPlace {
  /** The port of its proxy. */
  readonly port: number;
  /** Its id as peers write it: hexadecimal, without leading zeros. */
  readonly id: string;
}

interface Link {
  readonly target: number;
  /** The dialing member's id, or "" when the first request doesn't tell. */
  readonly caller: string;
  readonly outer: Socket;
  readonly inner: Socket;
}

const HEAD_END = "\r\n\r\n";
const HEAD_BYTES_MAX = 64 * 1024;

/**
 * TCP proxies before members' peer ports, which members advertise, so that all that peers say to
 * each other passes here. Who dials is read from the head of a connection's first request. A member
 * that is cut off loses both what it dials and what is dialed to it: bytes vanish, as on a network
 * that drops them, and connections stay open until the cut is healed.
 */
export class PeerNetwork {
  readonly #servers: Server[] = [];
  readonly #links = new Set<Link>();
  /** Connections that began during the cut, and lead nowhere. */
  readonly #lost = new Set<Socket>();
  #cut: readonly NetworkPlace[] = [];

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
    this.#cut = places;
    for (const link of this.#links) {
      if (!this.#isCut(link)) continue;
      link.outer.unpipe(link.inner).resume();
      link.inner.unpipe(link.outer).resume();
    }
  }

  heal(): void {
    const broken = [...this.#links].filter((link) => this.#isCut(link));
    this.#cut = [];
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

  #isCut({ target, caller }: { readonly target: number; readonly caller: string }): boolean {
    return this.#cut.some(({ port, id }) => port === target || id === caller);
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
      if (this.#isCut({ target: port, caller })) {
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
    inner.pipe(outer);
  }
}
