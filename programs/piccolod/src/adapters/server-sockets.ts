import type { Server, Socket } from "node:net";

/**
 * All connections of a server, from before their handshake on. `closeAllConnections` of Node's HTTPS server knows those
 * alone that have shaken hands: one that does so later would keep a server that closes for ever, since it does not look for
 * silent connections any more.
 */
export class ServerSockets {
  readonly #open = new Set<Socket>();

  /** Made before the server listens. */
  constructor(server: Server) {
    server.on("connection", (socket: Socket) => {
      this.#open.add(socket);
      socket.once("close", () => this.#open.delete(socket));
    });
  }

  cutAll(): void {
    for (const socket of this.#open) socket.destroy();
  }
}
