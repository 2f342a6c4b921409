import type { Server, Socket } from "node:net";
import { remoteNetworkOf } from "./remote-network.ts";

/** Connections at once. */
export interface Shares {
  readonly ofNetwork: number;
  readonly ofAll: number;
}

/** Counts connections by where they come from, so that one place keeps nobody out of a server. */
export class ConnectionShares {
  readonly #most: Shares;
  readonly #byNetwork = new Map<string, number>();
  #all = 0;

  constructor(most: Shares) {
    this.#most = most;
  }

  /** Returns what ends it, harmless when called again; undefined where they are too many now. */
  begin(remoteAddress: string): (() => void) | undefined {
    const network = remoteNetworkOf(remoteAddress);
    const before = this.#byNetwork.get(network) ?? 0;
    if (before >= this.#most.ofNetwork || this.#all >= this.#most.ofAll) return undefined;
    this.#byNetwork.set(network, before + 1);
    this.#all++;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#all--;
      const left = (this.#byNetwork.get(network) ?? 1) - 1;
      if (left === 0) this.#byNetwork.delete(network);
      else this.#byNetwork.set(network, left);
    };
  }
}

/**
 * Takes no more connections than these: each is a file descriptor, and a process without any left does nothing right. Tests,
 * and a proxy that stands for many, come from the machine itself; they have no share of their own.
 */
export function limitConnections(server: Server, most: Shares): void {
  server.maxConnections = most.ofAll;
  const shares = new ConnectionShares(most);
  server.on("connection", (socket: Socket) => {
    const { remoteAddress } = socket;
    if (remoteAddress !== undefined && isOfThisMachine(remoteAddress)) return;
    // One that is gone already has no address.
    const end = remoteAddress === undefined ? undefined : shares.begin(remoteAddress);
    if (end === undefined) socket.destroy();
    else socket.once("close", end);
  });
}

function isOfThisMachine(address: string): boolean {
  return ["127.0.0.1", "::ffff:127.0.0.1", "::1"].includes(address);
}
